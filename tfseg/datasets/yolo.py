"""YOLO: `data.yaml` and a text file of polygons per image, as Ultralytics reads them.

Lines are "class x y x y ..." as fractions of width and height. OpenCV draws the masks, smaller
ones over larger ones, as in Ultralytics' `polygons2masks_overlap`. Class 0 of the records is
`background`, added unless `names` has it.
"""

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from tfseg.datasets.annotations import (
    SLACK,
    background_first,
    classes_of,
    frame_id,
    images_in,
    index_classes,
    need_folder,
    tool_spec,
)
from tfseg.datasets.coding import indices
from tfseg.datasets.combinations import every_class
from tfseg.datasets.files import PICTURES, not_here, read_bytes, read_text
from tfseg.datasets.spec import Frame
from tfseg.errors import UserError
from tfseg.images import image_size
from tfseg.labels import VOID

MARKS = ("*.yaml", "*.yml")
WANTED = "data.yaml with names, train and val"


def confirm(source):
    return _table(source) is not None


def spec(source=None, task=None):
    need_folder(source, "yolo", WANTED)
    path = _table(source)
    if path is None:
        raise not_here(source, "a YOLO export", WANTED)
    content = _read(path)
    names = _names(path, content)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"{path}: two classes are called {twice[0]!r}; rename one in YOLO")
    by_name = index_classes(background_first(names))
    index = tuple(by_name[name] for name in names)
    frames = partial(_frames, path=path, content=content, index=index)
    made = tool_spec(source, "YOLO", classes_of(by_name), frames)
    return every_class(made, source, _larger_first) if task == "multilabel" else made


def _table(source):
    """The path of the YAML file that describes the data set, or None."""
    for path in sorted(path for mark in MARKS for path in source.glob(mark)):
        try:
            keys = {line.split(b":")[0] for line in read_bytes(path).splitlines()}
        except UserError:
            continue
        if b"names" in keys and keys & {b"train", b"val"}:
            return path
    return None


def _read(path):
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged or not YAML: {reason}; export it again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a table of names, train and val; export it again")
    return content


def _names(path, content):
    names = content.get("names")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise UserError(f"{path}: names are not numbered 0 to {len(names) - 1}; correct them")
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: names is not a list of classes; correct it")
    # Nested YAML aliases are small in the file, but may expand without end.
    if not all(isinstance(name, str | int | float) for name in names):
        raise UserError(f"{path}: names holds an invalid name; correct it")
    if content.get("nc", len(names)) != len(names):
        said = _short(content["nc"])
        raise UserError(f"{path}: nc is {said}, but names has {len(names)}; correct one")
    return tuple(map(str, names))


def _short(value):
    """A short text of a YAML value; nested lists may be endless."""
    return str(value)[:99] if isinstance(value, str | int | float) else "a list or table"


def _frames(source, report, path, content, index):
    place = content.get("path") or ""
    if not isinstance(place, str) or not (root := path.parent / place).is_dir():
        raise UserError(f"{path}: path {_short(place)} is not a folder; remove that line")
    splits = {}
    for split in ("train", "val", "test"):
        places = content.get(split) or []
        images = []
        for place in places if isinstance(places, list) else [places]:
            try:
                images += _images(path, root, split, place)
            except UserError as error:
                if split == "test":  # exports often name it but leave it out
                    report(error.typed, spoils=False)
                else:
                    report(error.typed)
        if images:
            splits[split] = _labelled(source, images, index, report)
    return splits


def _images(path, root, split, place):
    """The images of an entry, which names a folder or a list of files."""
    if not isinstance(place, str):
        raise UserError(f"{path}: {split} is neither a path nor a list of paths; correct it")
    found = root / place
    if not found.exists() and place.startswith("../"):  # Roboflow's paths start one folder deeper
        found = root / place.removeprefix("../")
    if found.is_file() and found.suffix == ".txt":
        lines = [line.strip() for line in read_text(found).splitlines()]
        images = [
            found.parent / line if line.startswith("./") else root / line for line in lines if line
        ]
        if lost := [image for image in images if not image.is_file()]:
            raise UserError(f"{found} lists {lost[0]}, which does not exist; add it or the line")
    elif found.is_dir():
        images = images_in(found)
    else:
        raise UserError(f"{path}: {split} is {place}, and {found} does not exist; correct the path")
    if not images:
        raise UserError(f"{found} holds no images ({', '.join(sorted(PICTURES))}); add some")
    return images


def _labelled(source, images, index, report):
    count = 1 + max(place for place in (0, *index) if place != VOID)
    frames, bare = [], []
    for image in images:
        label = _label_path(image)
        try:
            size = image_size(image)
            there = os.path.lexists(label)  # a pipe or a broken link is an error
            shapes = _shapes(label, index, size) if there else ()
        except UserError as error:
            report(error.typed)
            continue
        if not there:
            bare.append(label)
        drawn, name = partial(draw, size, shapes), frame_id(image, source)
        frames.append(Frame(name, image, drawn, indices(count)))
    if bare:
        spoils = len(bare) == len(images)
        report(f"{len(bare)} images have no label file and are background, e.g. {bare[0]}", spoils)
    return frames


def _label_path(image):
    """The label file of an image: the last folder named images becomes labels, as Ultralytics."""
    parts = list(image.parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _shapes(path, index, size):
    """((index, ((x, y), ...)), ...) of a file, points as fractions of width and height."""
    shapes = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            shapes.append(_shape(line.split(), f"{path}, line {number}", index, size))
    return tuple(dict.fromkeys(shapes))


def _shape(fields, place, index, size):
    if len(fields) == 5:
        raise UserError(f"{place} is only a box; export polygons (YOLO segmentation)")
    if len(fields) < 7 or len(fields) % 2 == 0:
        raise UserError(
            f"{place} has {len(fields)} numbers; wanted class x y x y ... of 3 or more points"
        )
    try:
        number, points = float(fields[0]), np.array(fields[1:], np.float64).reshape(-1, 2)
        if not number.is_integer():
            raise ValueError
    except ValueError:
        raise UserError(f"{place}: wanted class x y x y ..., only numbers; correct it") from None
    if not 0 <= number < len(index):
        raise UserError(
            f"{place} has class {int(number)}, but names has 0 to {len(index) - 1}; correct one"
        )
    slack = SLACK / np.array(size[::-1])
    if not ((points >= -slack) & (points <= 1 + slack)).all():
        raise UserError(
            f"{place}: points are not between 0 and 1; export points relative to the image's size"
        )
    return index[int(number)], tuple(map(tuple, points.tolist()))


def draw(size, shapes):
    """Class indices uint8 (H, W); smaller shapes cover larger ones, later ones earlier ones."""
    label = np.zeros(size, np.uint8)
    for index, points in _larger_first(size, shapes):
        cv2.fillPoly(label, [_outline(size, points)], index)
    return label


def _larger_first(size, shapes):
    areas = [
        np.count_nonzero(cv2.fillPoly(np.zeros(size, np.uint8), [_outline(size, points)], 1))
        for _, points in shapes
    ]
    return [shapes[place] for place in np.argsort(-np.array(areas, int), kind="stable")]


def _outline(size, points):
    return (np.array(points) * np.array(size[::-1])).astype(np.int32)
