"""Label Studio's JSON export: polygons in percent and brush strokes in its own RLE.

The images may be anywhere in the folder, under their original name or under the name with Label
Studio's prefix. pycocotools draws polygons, as in Label Studio's COCO export; later regions cover
earlier ones. The classes are `background` and the labels that occur, sorted.
"""

import re
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tfseg.datasets.annotations import (
    BACKGROUND,
    check_inside,
    check_size,
    finite_points,
    frame_id,
    holds,
    images_in,
    is_size,
    need_folder,
    read_json,
    tool_spec,
)
from tfseg.datasets.brush import decode_brush
from tfseg.datasets.coding import indices
from tfseg.datasets.combinations import every_class
from tfseg.datasets.files import PICTURES, not_here
from tfseg.datasets.spec import Frame
from tfseg.errors import UserError
from tfseg.images import image_size

MARKS = ("*.json",)
WANTED = "the JSON export of Label Studio (a list of tasks with annotations) and the images"
# Kinds of results about the image as a whole, not about pixels.
WHOLE = {"choices", "textarea", "rating", "number", "taxonomy", "datetime", "pairwise"}
PREFIX = re.compile(r"^[0-9a-f]{8}-")  # Label Studio adds it to uploads


def confirm(source):
    return bool(_files(source))


def _files(source):
    return [path for path in sorted(source.glob("*.json")) if _is_export(path)]


def _is_export(path):
    return holds(path, "annotations", "data", "result") or holds(path, "annotations", "data", "id")


def spec(source=None, task=None):
    need_folder(source, "label_studio", WANTED)
    files = _files(source)
    if not files:
        raise not_here(source, "a Label Studio export", WANTED)
    if len(files) > 1:
        raise UserError(f"{files[0]} and {files[1].name} are both exports; keep one of them")
    path = files[0]
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UserError(f"{path} is not a list of tasks; export it as JSON, not JSON-MIN")
    regions = {place: _regions(path, place, task) for place, task in enumerate(tasks, 1)}
    found = [listed for listed in regions.values() if isinstance(listed, list)]
    names = sorted({label for listed in found for label, *_ in listed} - {BACKGROUND})
    if not names:
        raise next(
            (fault for fault in regions.values() if isinstance(fault, UserError)),
            UserError(f"{path} has no polygons and no brush strokes; draw some and export again"),
        )
    frames = partial(_frames, path=path, tasks=tasks, regions=regions, classes=(BACKGROUND, *names))
    made = tool_spec(source, "Label Studio", (BACKGROUND, *names), frames)
    return every_class(made, source) if task == "multilabel" else made


def _regions(path, place, task):
    """[(label, (H, W), kind, drawn)] of a task; None if it is not annotated; or its error."""
    where = f"{path}: task {task.get('id', place)}"
    try:
        given = [one for one in task.get("annotations", ()) if not one.get("was_cancelled")]
        if len(given) > 1:
            raise UserError(f"{where} has {len(given)} annotations; keep one of them")
        results = given[0].get("result", ()) if given else ()
        listed = [_region(where, result) for result in results if result.get("type") not in WHOLE]
        return [one for one in listed if one] if given else None
    except UserError as error:
        return error
    except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
        return UserError(f"{where} is not a Label Studio task: {error!r}; export it again")


def _region(where, result):
    kind, value = result.get("type"), result.get("value", {})
    if kind == "relation":
        return None
    where = f"{where}, region {result.get('id')}"
    if kind not in ("polygonlabels", "brushlabels"):
        raise UserError(f"{where} is {kind}, which is not supported; use a polygon or a brush")
    labels = value.get(kind) or ()
    if len(labels) != 1 or not isinstance(labels[0], str):
        raise UserError(f"{where} has {len(labels)} labels; give it one")
    if result.get("image_rotation"):
        raise UserError(f"{where}: its image was rotated in Label Studio; rotate the file instead")
    size = result.get("original_height"), result.get("original_width")
    if not is_size(size):
        raise UserError(f"{where} lacks original_width and original_height; export it again")
    if kind == "polygonlabels":
        points = finite_points(value.get("points"), 3, where)
        check_inside(np.array(points) / 100 * size[::-1], size, where)
        return labels[0], size, kind, points
    rle = value.get("rle")
    if value.get("format", "rle") != "rle" or not isinstance(rle, list):
        raise UserError(f"{where} is a brush without rle; export it again")
    decode_brush(rle, size, where)
    return labels[0], size, kind, tuple(rle)


def _frames(source, report, path, tasks, regions, classes):
    images, frames, bare = _by_name(source), {}, 0
    for place, task in enumerate(tasks, 1):
        listed = regions[place]
        try:
            if isinstance(listed, UserError):
                raise listed
            if listed is None:
                bare += 1
                continue
            where = f"{path}: task {task.get('id', place)}"
            image = _image(where, task.get("data") or {}, images)
            if image in frames:
                raise UserError(f"{where}: another task has {image} too; keep one of them")
            frames[image] = _frame(where, image, frame_id(image, source), listed, classes)
        except UserError as error:
            report(error.typed)
    if bare:
        report(f"{path}: {bare} tasks have no annotation and are skipped", spoils=False)
    return {"train": list(frames.values())}


def _frame(where, image, name, listed, classes):
    sizes = {size for _, size, *_ in listed}
    for size in sizes:
        check_size(image, size, where, ("original_height", "original_width"))
    shapes = tuple((classes.index(label), kind, drawn) for label, _, kind, drawn in listed)
    size = next(iter(sizes), None) or image_size(image)
    return Frame(name, image, partial(draw, size, shapes), indices(len(classes)))


def _by_name(source):
    found = {}
    for image in images_in(source):
        found.setdefault(image.name, []).append(image)
    return found


def _image(where, data, images):
    """The file of a task's image, by its stored name, else by that name without the prefix."""
    if not isinstance(data, dict):
        raise UserError(f"{where} has no data; export it again")
    named = data.get("image")
    if not isinstance(named, str):
        urls = [v for v in data.values() if isinstance(v, str) and _suffix(v) in PICTURES]
        if len(urls) != 1:
            raise UserError(f"{where} names no image in its data; name it data.image")
        named = urls[0]
    name = _file_name(named)
    found = images.get(name) or images.get(PREFIX.sub("", name)) or ()
    if not found:
        raise UserError(f"{where}: {name} is not in the folder; put the image there")
    if len(found) > 1:
        raise UserError(f"{where}: {name} may be {found[0]} or {found[1]}; remove one")
    return found[0]


def _file_name(url):
    """The file name in an address; for local files it is in the query, ?d=folder/name.jpg."""
    try:
        parts = urlsplit(url)
    except ValueError:  # an invalid address
        return ""
    inside = parse_qs(parts.query).get("d")
    return Path(inside[0] if inside else unquote(parts.path)).name


def _suffix(url):
    return Path(_file_name(url)).suffix.lower()


def draw(size, shapes):
    """Class indices uint8 (H, W) of (index, kind, points or RLE); later shapes cover earlier."""
    from pycocotools import mask

    label = np.zeros(size, np.uint8)
    for index, kind, drawn in shapes:
        if kind == "polygonlabels":
            points = np.array(drawn) / 100 * size[::-1]
            inside = mask.decode(mask.frPyObjects([points.ravel().tolist()], *size))[..., 0] > 0
        else:
            inside = decode_brush(drawn, size, "a brush stroke")
        label[inside] = index
    return label
