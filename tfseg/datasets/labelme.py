"""labelme: one JSON file next to each image; later shapes cover earlier ones.

The classes come from `labels.txt` in the folder, as in labelme2voc, or else are the labels that
occur, sorted. `_background_` comes first; `__ignore__` is void. Shapes are drawn as labelme's
`shape_to_mask` draws them.
"""

import base64
import binascii
import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tfseg.datasets.annotations import (
    check_inside,
    check_size,
    finite_points,
    holds,
    images_in,
    need_folder,
    read_json,
    split_of,
    tool_spec,
)
from tfseg.datasets.coding import indices
from tfseg.datasets.combinations import every_class
from tfseg.datasets.files import not_here, read_text
from tfseg.datasets.spec import Frame
from tfseg.errors import UserError
from tfseg.images import image_size, open_image
from tfseg.labels import VOID

MARKS = ("*.json", "*/*.json", "*/*/*.json")
WANTED = "labelme's JSON files (shapes, imagePath) next to the images"
BACKGROUND, IGNORE = "_background_", "__ignore__"
# shape -> (least, most) points
POINTS = {"polygon": (3, None), "rectangle": (2, 2), "circle": (2, 2)}
LOOKED_AT = 5  # JSON files checked to recognise a folder


def confirm(source):
    files = itertools.chain.from_iterable(source.glob(mark) for mark in MARKS)
    return any(holds(path, "shapes", "imagePath") for path in itertools.islice(files, LOOKED_AT))


def spec(source=None, task=None):
    need_folder(source, "labelme", WANTED)
    files = {path: _read(path) for path in sorted(source.rglob("*.json"))}
    contents = [content for content in files.values() if not isinstance(content, UserError)]
    if not contents:
        raise next(iter(files.values()), not_here(source, "labelme", WANTED))
    classes = _classes(source, contents)
    frames = partial(_frames, files=files, classes=classes)
    made = tool_spec(source, "labelme", classes, frames)
    return every_class(made, source) if task == "multilabel" else made


def _read(path):
    """The content of a file without its image, or its error."""
    try:
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
            raise UserError(f"{path} is not a labelme file: it has no list of shapes; remove it")
        content["shapes"] = [_shape(path, *entry) for entry in enumerate(content["shapes"], 1)]
        content["imageData"] = bool(content.get("imageData"))
        return content
    except UserError as error:
        return error


def _shape(path, number, shape):
    """(label, kind, points) of a shape."""
    place = f"{path}: shape {number}"
    label = shape.get("label") if isinstance(shape, dict) else None
    if not isinstance(label, str) or not label:
        raise UserError(f"{place} has no label; give it one in labelme")
    kind = shape.get("shape_type") or "polygon"  # version 3 omits it
    if not isinstance(kind, str) or kind not in POINTS:
        raise UserError(
            f"{place} ({label}) is a {kind}, which has no area; "
            f"draw it as a {', '.join(POINTS)}, or remove it"
            if kind in ("line", "linestrip", "point", "points")
            else f"{place} ({label}) is a {kind}, which is not supported; draw it as a polygon"
        )
    least, most = POINTS[kind]
    points = finite_points(shape.get("points"), least, f"{place} ({label}), a {kind},")
    if most and len(points) > most:  # other tools write rectangles with four corners
        raise UserError(
            f"{place} ({label}), a {kind}, has {len(points)} points, not {most}; make it a polygon"
        )
    return label, kind, points


def _classes(source, contents):
    """The class names, background first."""
    used = {label for content in contents for label, _, _ in content["shapes"]}
    used -= {BACKGROUND, IGNORE}
    listed = source / "labels.txt"
    if not listed.is_file():
        return (BACKGROUND, *sorted(used))
    lines = [line.strip() for line in read_text(listed).splitlines()]
    names = [name for name in lines if name and name not in (BACKGROUND, IGNORE)]
    if lacking := sorted(used - set(names)):
        raise UserError(f"{listed} lacks {lacking[0]!r}, which shapes have; add a line")
    return (BACKGROUND, *names)


def _frames(source, report, files, classes):
    splits, seen = {}, set()
    for path, content in files.items():
        try:
            if isinstance(content, UserError):
                raise content
            place = path.relative_to(source)
            frame = _frame(path, content, classes, str(place.with_suffix("")))
        except UserError as error:
            report(error.typed)
            continue
        splits.setdefault(split_of(*place.parts[:-1]), []).append(frame)
        seen.add(frame.image.resolve() if isinstance(frame.image, Path) else None)
    left = [path for path in images_in(source) if path.resolve() not in seen]
    if left:
        report(f"{len(left)} images have no JSON and are skipped, e.g. {left[0]}", spoils=False)
    return splits


def _frame(path, content, classes, name):
    image, size = _image(path, content)
    index = {label: i for i, label in enumerate(classes)} | {IGNORE: VOID}
    for number, (label, kind, points) in enumerate(content["shapes"], 1):
        check_inside(points, size, f"{path}: shape {number} ({label}), a {kind},")
    shapes = tuple((index[label], kind, points) for label, kind, points in content["shapes"])
    return Frame(name, image, partial(draw, size, shapes), indices(len(classes)))


def _image(path, content):
    """(image of a JSON file, as a path or a function that draws it; its (H, W))."""
    named = content.get("imagePath")
    # labelme on Windows writes backslashes.
    image = path.parent / named.replace("\\", "/") if isinstance(named, str) and named else None
    if image is None or not image.is_file():
        if not content["imageData"]:
            raise UserError(
                f"{path}: imagePath {named!r} is not a file, and imageData holds no image; "
                f"put the image there or correct imagePath"
            )
        image = partial(_embedded, path)
        size = _open_embedded(path).size
    else:
        size = image_size(image)
    said = content.get("imageHeight"), content.get("imageWidth")
    if isinstance(image, Path) and None not in said:
        check_size(image, said, path, ("imageHeight", "imageWidth"))
    elif None not in said and said != size:
        raise UserError(
            f"{path}: imageHeight and imageWidth are {said[0]} and {said[1]}, but imageData is "
            f"{size[0]}x{size[1]} (height x width); save it again in labelme"
        )
    return image, size


def _open_embedded(path):
    name = f"imageData of {path}"
    try:
        data = base64.b64decode(read_json(path)["imageData"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UserError(f"{name} is damaged: {error}; save it again in labelme") from None
    return open_image(data, name=name)


def _embedded(path):
    """RGB pixels of the image inside a JSON file."""
    return _open_embedded(path).pixels()


def draw(size, shapes):
    """Class indices uint8 (H, W) of (index, kind, points); later shapes cover earlier ones."""
    canvas = Image.new("L", size[::-1], 0)
    pen = ImageDraw.Draw(canvas)
    for index, kind, points in shapes:
        if kind == "circle":
            (x, y), edge = points[0], points[1]
            radius = math.dist(points[0], edge)
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(box, outline=index, fill=index)
        elif kind == "rectangle":
            (left, right), (top, bottom) = (sorted(axis) for axis in zip(*points[:2], strict=True))
            pen.rectangle((left, top, right, bottom), outline=index, fill=index)
        else:
            pen.polygon(points, outline=index, fill=index)
    return np.asarray(canvas)
