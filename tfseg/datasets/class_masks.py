"""One folder of masks per class, for classes that can share a pixel (`--task=multilabel`).

    images/train/a.jpg    masks/train/crack/a.png    masks/train/rust/a.png
    images/val/b.jpg      masks/val/crack/b.png

A mask is 0 where its class is absent, and any other value where it is present. A frame without a
mask of a class has no pixel of it. If there are no train and val folders, all frames are train.
The labels of the records are the combinations of classes that occur, such as `crack+rust`;
`background` means no class.
"""

from functools import partial

import numpy as np

from tfseg.datasets.annotations import need_folder
from tfseg.datasets.coding import indices
from tfseg.datasets.combinations import check_classes, combined
from tfseg.datasets.files import PICTURES, not_here
from tfseg.datasets.layouts import SPLITS
from tfseg.datasets.spec import Frame, data_name
from tfseg.errors import UserError, one_line
from tfseg.images import image_size, open_image
from tfseg.labels import palette

MARKS = ()  # it is never recognised: a folder of masks by city looks the same
WANTED = "images/train and masks/train/CLASS, each with files of the same names; val likewise"


def spec(source=None):
    need_folder(source, "class_masks", WANTED)
    folders = _folders(source)
    classes = sorted({folder.name for _, masks in folders.values() for folder in masks})
    check_classes(source, classes)
    listed, faults = {}, []
    for split, (images, masks) in folders.items():
        listed[split] = _listed(images, masks, classes, faults)
    return combined(
        data_name(source.resolve().name),
        one_line(f"{source.resolve().name}: {', '.join(classes)}, a mask each"),
        classes,
        palette(len(classes) + 1)[1:],
        listed,
        [(fault, True) for fault in faults],
        source,
    )


def _folders(source):
    """{split: (folder of images, folders of masks by class)}. Raises `UserError`."""
    images, masks = source / "images", source / "masks"
    found = {}
    for split, words in SPLITS.items():
        for word in words:
            if not (images / word).is_dir():
                continue
            if not (masks / word).is_dir():
                raise UserError(f"{images / word} has no {masks / word}; add it")
            found[split] = images / word, _inside(masks / word)
    found = found or {"train": (images, _inside(masks))}
    if not images.is_dir() or not all(classes for _, classes in found.values()):
        raise not_here(source, "a data set with masks by class", WANTED)
    return found


def _inside(folder):
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _listed(images, masks, classes, faults):
    """The frames of a split, with bits as labels; adds files without partner to `faults`."""
    by_class = {folder.name: _files(folder) for folder in masks}
    found = _files(images)
    if not found:
        raise UserError(f"{images} holds no images ({', '.join(sorted(PICTURES))})")
    for files in by_class.values():
        faults += [
            f"{file} has no partner in {images}; add it or remove the file"
            for stem, file in files.items()
            if stem not in found
        ]
    frames = []
    for stem, image in found.items():
        own = tuple(
            (number, by_class[name][stem])
            for number, name in enumerate(classes)
            if stem in by_class.get(name, ())
        )
        frames.append(Frame(stem, image, partial(_bits, image, own), indices(0)))
    return frames


def _files(folder):
    """{stem: image file} of a folder. Raises `UserError` for two files with the same stem."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            if path.stem in found:
                raise UserError(f"{path} and {found[path.stem]} are one frame; remove one of them")
            found[path.stem] = path
    return found


def _bits(image, masks):
    """The classes of an image's pixels, int64 (H, W), one bit per class. Raises `UserError`."""
    size = image_size(image)
    bits = np.zeros(size, np.int64)
    for number, path in masks:
        pixels = open_image(path).stored()
        if pixels.shape[:2] != tuple(size):
            height, width = pixels.shape[:2]
            raise UserError(
                f"{path} has {height}x{width} pixels and {image} {size[0]}x{size[1]}; "
                f"wanted the same size"
            )
        there = pixels if pixels.ndim == 2 else pixels[..., :3].any(axis=2)  # ignores alpha
        bits |= (there > 0).astype(np.int64) << number
    return bits
