"""COCO JSON as annotation tools export it: polygons and both run-length codings.

pycocotools draws the masks, smaller ones over larger ones; crowds count as pixels of their class.
The classes are the categories by id; pixels without annotation are `background`, or void.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from tfseg.datasets import coco
from tfseg.datasets.annotations import (
    BACKGROUND,
    background_first,
    check_inside,
    check_size,
    classes_of,
    holds,
    images_in,
    index_classes,
    is_size,
    need_folder,
    read_json,
    split_of,
    tool_spec,
)
from tfseg.datasets.coding import indices
from tfseg.datasets.combinations import every_class
from tfseg.datasets.files import not_here
from tfseg.datasets.spec import Frame
from tfseg.errors import UserError
from tfseg.images import MOST_PIXELS
from tfseg.labels import VOID, palette

MARKS = ("annotations/*.json", "*.json", "*/*.json")
WANTED = "annotations/*.json, one per split, or a .json next to the images, in COCO's format"
KEYS = ("images", "annotations", "categories")


def confirm(source):
    if any(next(source.glob(mark), None) for mark in coco.MARKS):
        return False
    return bool(_files(source))


def _files(source):
    """The JSON files of the first pattern that matches any."""
    for mark in MARKS:
        if files := [path for path in sorted(source.glob(mark)) if holds(path, *KEYS)]:
            return files
    return []


def spec(source=None, unlabelled="background", task=None):
    """`unlabelled`: the class of pixels without annotation, "background" or "void"."""
    need_folder(source, "coco_json", WANTED)
    files = _files(source)
    if not files:
        raise not_here(source, "a COCO export", WANTED)
    contents = {path: _read(path) for path in files}
    categories = _categories(contents)
    names = list(categories.values())
    rest = VOID
    if unlabelled == "background":
        names = background_first(names)  # a category of that name gets the unlabelled pixels
        rest = 0
    by_name = index_classes(names)
    classes = classes_of(by_name)
    index = {key: by_name[name] for key, name in categories.items()}
    frames = partial(_frames, contents=contents, index=index, rest=rest, count=len(classes))
    black = classes[:1] and classes[0].lower() == BACKGROUND
    colors = None if black else palette(len(classes) + 1)[1:]
    made = tool_spec(source, "COCO's JSON", classes, frames, colors)
    return every_class(made, source) if task == "multilabel" else made


def _read(path):
    content = read_json(path)
    for key in KEYS:
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{path} has no list of {key}; export it as COCO instances")
        for entry in entries:
            for wanted in _FIELDS[key]:
                if wanted not in entry:
                    raise UserError(f"{path}: one of its {key} lacks {wanted}; export it again")
                if not isinstance(entry[wanted], _KINDS[wanted]):
                    raise UserError(
                        f"{path}: one of its {key} has {wanted} {entry[wanted]!r}, not of type "
                        f"{_KINDS[wanted].__name__}; export it again"
                    )
        _check_ids(path, key, [entry["id"] for entry in entries])
    for entry in content["images"]:
        if not is_size((entry["height"], entry["width"])):
            raise UserError(
                f"{path}: image {entry['file_name']} has height {entry['height']} and width "
                f"{entry['width']}, which is impossible; export it again"
            )
    return content


_FIELDS = {
    "images": ("id", "file_name", "height", "width"),
    "annotations": ("id", "image_id", "category_id"),
    "categories": ("id", "name"),
}
_KINDS = dict.fromkeys(("id", "image_id", "category_id", "height", "width"), int)
_KINDS |= dict.fromkeys(("file_name", "name"), str)


def _check_ids(path, key, ids):
    """Raises `UserError` for images or categories that share an id."""
    twice = [i for i, count in Counter(ids).items() if count > 1]
    if twice and key != "annotations":
        raise UserError(f"{path}: two of its {key} have the id {twice[0]}; export it again")


def _categories(contents):
    """{category id: name} sorted by id. Raises `UserError` if the files differ."""
    tables = [
        dict(sorted((entry["id"], str(entry["name"])) for entry in content["categories"]))
        for content in contents.values()
    ]
    first, *others = contents
    for path, table in zip(others, tables[1:], strict=True):
        if table != tables[0]:
            raise UserError(
                f"{path} and {first.name} have different categories; export them together"
            )
    if not tables[0]:
        raise UserError(f"{first} lists no categories; export it again")
    return tables[0]


def _frames(source, report, contents, index, rest, count):
    splits, images = {}, images_in(source)
    for path, content in contents.items():
        beside = () if path.parent.name == "annotations" else (path.parent.name,)
        split = split_of(path.stem, *(beside if path.parent != source else ()))
        if split in splits:
            report(
                f"{path} is a second file for {split}; keep one per split in {source}, "
                f"such as instances_train.json, instances_val.json"
            )
            continue
        shapes = _shapes(path, content, index, report)
        find = _Finder(images, path, split)
        splits[split] = []
        for entry in sorted(content["images"], key=lambda entry: str(entry["file_name"])):
            try:
                image = find(entry["file_name"])
                size = entry["height"], entry["width"]
                check_size(image, size, f"{path}: image {entry['file_name']}")
                drawn = partial(draw, size, tuple(shapes.get(entry["id"], ())), rest)
                stem = str(Path(entry["file_name"]).with_suffix(""))
                splits[split].append(Frame(stem, image, drawn, indices(count)))
            except UserError as error:
                report(error.typed)
    return splits


class _Finder:
    """Finds an image that a JSON file names; prefers its folder, then its split."""

    def __init__(self, images, path, split):
        self.path, self.split, self.by_name = path, split, {}
        for image in images:
            self.by_name.setdefault(image.name, []).append(image)

    def __call__(self, name):
        place = Path(str(name).replace("\\", "/"))
        found = [p for p in self.by_name.get(place.name, ()) if _ends(p, place)]
        found = [p for p in found if p.parent == self.path.parent] or found
        # The two folders above an image, nearest first: "train2017", or "val" in "val/images".
        own = [p for p in found if split_of(*p.parts[-2:-4:-1]) == self.split]
        found = own or found
        if not found:
            raise UserError(f"{self.path} lists {name}, which is not in the folder; add the image")
        if len(found) > 1:
            raise UserError(
                f"{self.path} lists {name}, which may be {found[0]} or {found[1]}; remove one"
            )
        return found[0]


def _ends(path, place):
    return path.parts[-len(place.parts) :] == place.parts


def _shapes(path, content, index, report):
    """{image id: [(class index, compressed counts)]}, larger shapes first."""
    from pycocotools import mask

    sizes = {entry["id"]: (entry["height"], entry["width"]) for entry in content["images"]}
    found = {}
    for entry in content["annotations"]:
        try:
            place = f"{path}: annotation {entry['id']}"
            if entry["image_id"] not in sizes:
                raise UserError(f"{place} is of image {entry['image_id']}, which is not listed")
            if entry["category_id"] not in index:
                raise UserError(f"{place} has category {entry['category_id']}, which is not listed")
            rle = _encoded(entry.get("segmentation"), sizes[entry["image_id"]], place)
            shape = index[entry["category_id"]], rle["counts"]
            found.setdefault(entry["image_id"], []).append((int(mask.area(rle)), shape))
        except UserError as error:
            report(error.typed)
    return {
        image: [shape for _, shape in sorted(shapes, key=lambda pair: -pair[0])]
        for image, shapes in found.items()
    }


def _encoded(segmentation, size, place):
    """A segmentation as pycocotools' compressed RLE."""
    from pycocotools import mask

    if not segmentation:
        raise UserError(f"{place} has only a box and no segmentation; draw its outline")
    if isinstance(segmentation, list):
        for ring in segmentation:
            if not _is_ring(ring):
                raise UserError(
                    f"{place}: a polygon is a list of x, y, x, y, ... of 3 or more points; "
                    f"draw it again"
                )
            check_inside(zip(ring[::2], ring[1::2], strict=True), size, place)
        return mask.merge(mask.frPyObjects(segmentation, *size))
    said = segmentation.get("size") if isinstance(segmentation, dict) else None
    if said != list(size):
        raise UserError(
            f"{place}: its RLE has size {said}, but its image {list(size)}; export it again"
        )
    counts = segmentation.get("counts")
    if isinstance(counts, list):
        if (
            not all(isinstance(n, int) and n >= 0 for n in counts)
            or sum(counts) != size[0] * size[1]
        ):
            raise UserError(
                f"{place}: the counts of its RLE are not {size[0] * size[1]} pixels in all; "
                f"export it again"
            )
        return mask.frPyObjects({"counts": counts, "size": list(size)}, *size)
    return _checked(counts, size, place)


def _is_ring(ring):
    return (
        isinstance(ring, list)
        and len(ring) >= 6
        and len(ring) % 2 == 0
        and all(isinstance(n, int | float) and abs(n) < MOST_PIXELS for n in ring)
    )


def _checked(counts, size, place):
    """A compressed RLE whose runs fill the image exactly; pycocotools would read past it."""
    left, runs, value, shift = str(counts).encode("ascii", "replace"), [], 0, 0
    for byte in left:
        digit = byte - 48
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            value -= (1 << shift) if digit & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    if (
        shift
        or any(not 48 <= byte < 112 for byte in left)
        or min(runs, default=-1) < 0
        or sum(runs) != size[0] * size[1]
    ):
        raise UserError(f"{place}: its compressed RLE is damaged; export it again")
    return {"counts": left, "size": list(size)}


def draw(size, shapes, rest):
    """Class indices uint8 (H, W) of (index, compressed counts); later shapes cover earlier ones."""
    from pycocotools import mask

    label = np.full(size, rest, np.uint8)
    for index, counts in shapes:
        label[mask.decode({"counts": counts, "size": list(size)}) > 0] = index
    return label
