"""Pascal VOC 2012 (Everingham et al. 2015); "trainaug" adds SBD (Hariharan et al. 2011)."""

from functools import partial

import numpy as np

from tfseg.datasets.coding import indices
from tfseg.datasets.download import fetch_archives
from tfseg.datasets.files import not_here, open_regular, pictures, read_text
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError, require
from tfseg.labels import palette

MARKS = ("VOC2012/SegmentationClass", "VOCdevkit/VOC2012", "SegmentationClass")
WHERE = (
    "--download fetches it; by hand, unpack VOCtrainval_11-May-2012.tar from the Pascal VOC site, "
    "and for --sbd SBD's benchmark.tgz (benchmark_RELEASE) next to VOCdevkit"
)
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
CODING = indices(len(CLASSES))


def confirm(source):
    """Whether it is VOC: exports of CVAT and labelme2voc have VOC's folders, but class tables."""
    places = (source, source / "VOC2012", source / "VOCdevkit" / "VOC2012")
    tables = ("labelmap.txt", "class_names.txt")
    return not any((place / table).is_file() for place in places for table in tables)


def spec(sbd=False):
    """`sbd`: also train on SBD's frames that VOC does not label."""
    return DatasetSpec(
        name="voc2012_aug" if sbd else "voc2012",
        title="Pascal VOC 2012" + (" with SBD" if sbd else "") + ": 20 classes and background",
        classes=CLASSES,
        colors=palette(len(CLASSES)),
        frames=partial(_frames, sbd=sbd),
        where=WHERE,
        download=None if sbd else _download,
    )


def _download(folder):
    fetch_archives(folder, "voc", ("VOCtrainval_11-May-2012.tar",))


def _frames(source, report, sbd):
    places = (source / "VOCdevkit" / "VOC2012", source / "VOC2012", source)
    voc = next((place for place in places if (place / "SegmentationClass").is_dir()), None)
    if voc is None:
        raise not_here(source, "Pascal VOC 2012", f"VOCdevkit/VOC2012/SegmentationClass; {WHERE}")
    images = pictures(voc / "JPEGImages", report)
    labels = pictures(voc / "SegmentationClass", report)
    splits = {}
    for split in ("train", "val"):
        path = voc / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not path.is_file():  # as in exports of labelme2voc
            raise not_here(source, "Pascal VOC 2012", f"{path.relative_to(source)}; {WHERE}")
        listed = read_text(path).split()
        for name in listed:
            if name not in images or name not in labels:
                report(f"{path} lists {name}, whose image or label is missing")
        both = (name for name in listed if name in images and name in labels)
        splits[split] = [Frame(name, images[name], labels[name], CODING) for name in both]
    if sbd:
        taken = {frame.id for frames in splits.values() for frame in frames}
        splits["train"] += _more(source, report, taken)
    return splits


def _more(source, report, taken):
    """SBD's frames that VOC does not label."""
    folder = source / "benchmark_RELEASE" / "dataset"
    if not (folder / "cls").is_dir():
        raise not_here(source, "Pascal VOC 2012 with SBD", f"benchmark_RELEASE/dataset; {WHERE}")
    images = pictures(folder / "img", report)
    frames = []
    for path in sorted((folder / "cls").glob("*.mat")):
        if path.stem in taken:
            continue
        if path.stem in images:
            frames.append(Frame(path.stem, images[path.stem], partial(_read_mat, path), CODING))
        else:
            report(f"{path} has no image in {folder / 'img'}")
    return frames


def _read_mat(path):
    """The class indices of an SBD label, uint8 (H, W)."""
    require(f"{path.name} of SBD", "scipy", "crf")
    from scipy.io import loadmat

    try:
        with open_regular(path) as file:
            values = loadmat(file)["GTcls"][0, 0]["Segmentation"]
        label = np.ascontiguousarray(values, np.uint8)
        if label.ndim != 2 or not (label == values).all():
            raise ValueError("it holds no class indices (H, W)")
        return label
    except UserError:
        raise
    except Exception as error:  # damaged bytes can make its reader raise anything
        raise UserError(
            f"{path} is damaged or not a label of SBD: {error}; download it again"
        ) from None
