"""Functions shared by the exports of annotation tools: JSON, splits, classes, checks."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np

from tfseg.datasets.files import PICTURES, read_bytes
from tfseg.datasets.layouts import SPLITS
from tfseg.datasets.spec import DatasetSpec, data_name, is_plain
from tfseg.datasets.tables import NO_CLASS
from tfseg.errors import UserError, one_line
from tfseg.images import MOST_PIXELS, image_size
from tfseg.labels import VOID, palette

_SPLIT = {word: split for split, words in SPLITS.items() for word in words}
BACKGROUND = "background"
VOIDS = NO_CLASS | {"ignored", "__ignore__"}  # names of void in CVAT's VOC export and in labelme
SLACK = 2  # pixels that a point may lie outside: tools round, users drag past the edge


def tool_spec(source, tool, classes, frames, colors=None):
    """The `DatasetSpec` of an export, named after its folder.

    Without `colors`, the first class is black. Raises `UserError` for classes with the same name,
    and for fewer than two classes.
    """
    for name in classes:
        if not name or not is_plain(name):
            raise UserError(f"{source}: class {name!r} is not a one-line name; rename it in {tool}")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise UserError(f"{source}: two classes are called {twice[0]!r}; rename one in {tool}")
    if len(classes) < 2:
        raise UserError(f"{source} has fewer than two classes: {', '.join(classes)}; draw others")
    title = one_line(f"{source.resolve().name}: {len(classes)} classes drawn in {tool}")
    return DatasetSpec(
        data_name(source.resolve().name),
        title,
        tuple(classes),
        colors or palette(len(classes)),
        frames,
    )


def index_classes(names):
    """{name: class index} in the order of `names`; `VOID` for names of void."""
    index = {}
    for name in names:
        void = name.lower() in VOIDS
        index[name] = VOID if void else sum(i != VOID for i in index.values())
    return index


def classes_of(index):
    """The names of the classes in `index_classes`' result, without void."""
    return tuple(name for name, i in index.items() if i != VOID)


def background_first(names):
    """`names` with background first; adds it if it is missing."""
    own = [name for name in names if name.lower() == BACKGROUND]
    return [*(own or [BACKGROUND]), *(name for name in names if name not in own)]


def need_folder(source, dataset, wanted):
    """Raises `UserError` if there is no raw folder to read the classes from."""
    if source is None or not Path(source).is_dir():
        raise UserError(f"--dataset={dataset} needs --source=FOLDER with {wanted}")


def read_json(path):
    """The content of a JSON file. Raises `UserError`."""
    try:
        return json.loads(read_bytes(path).decode("utf-8-sig"))
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged or not JSON: {error}; export it again") from None


def holds(path, *keys):
    """Whether a JSON file contains all `keys`, without parsing it."""
    try:
        content = read_bytes(path)
    except UserError:
        return False
    return all(f'"{key}"'.encode() in content for key in keys)


def split_of(*names, default="train"):
    """The split that some names, such as a file's and its folders', mention; else `default`."""
    for name in names:
        for word in re.split(r"[^a-z]+", name.lower()):
            if word in _SPLIT:
                return _SPLIT[word]
    return default


def images_in(folder):
    """The image files in a folder and its subfolders, sorted by path."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURES and not path.name.startswith(".")
    )


def frame_id(image, source):
    """An image's path inside `source`, without its extension."""
    place = image.relative_to(source) if image.is_relative_to(source) else Path(image.name)
    return place.with_suffix("").as_posix()


def is_size(size) -> bool:
    """Whether an annotation's (H, W) is possible for an image."""
    whole = all(type(side) is int and side > 0 for side in size)
    return whole and size[0] * size[1] <= MOST_PIXELS


def check_size(image, size, path, said=("height", "width")):
    """Raises `UserError` if an annotation's (H, W) differs from its upright image's."""
    found = image_size(image)
    if found != tuple(size):
        raise UserError(
            f"{path}: {said[0]} and {said[1]} are {size[0]} and {size[1]}, but {image} is "
            f"{found[0]}x{found[1]} (height x width); it was resized or turned: bring back the "
            f"image that was annotated"
        )


def finite_points(points, least, place):
    """Points (x, y) in pixels as floats. Raises `UserError` for fewer than `least` valid ones."""
    try:
        array = np.asarray(points, np.float64)
        good = array.ndim == 2 and array.shape[1] == 2 and np.isfinite(array).all()
    except (ValueError, TypeError, OverflowError):
        good = False
    if not good or len(array) < least:
        raise UserError(
            f"{place} needs {least} or more points of two numbers; draw it again or remove it"
        )
    return tuple(map(tuple, array.tolist()))


def check_inside(points, size, place):
    """Raises `UserError` for the first point (x, y) in pixels outside (H, W)."""
    height, width = size
    for x, y in points:
        if not (-SLACK <= x <= width + SLACK and -SLACK <= y <= height + SLACK):
            raise UserError(
                f"{place} has the point {x:g},{y:g}, outside its image of {height}x{width} "
                f"(height x width); move it inside, or bring back the image that was annotated"
            )
