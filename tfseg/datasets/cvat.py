"""CVAT's "Segmentation mask 1.1" export: masks in the colours of `labelmap.txt`."""

from functools import partial

from tfseg.datasets.annotations import (
    classes_of,
    images_in,
    index_classes,
    need_folder,
    split_of,
    tool_spec,
)
from tfseg.datasets.coding import Colors
from tfseg.datasets.files import not_here, read_text
from tfseg.datasets.spec import Frame
from tfseg.errors import UserError
from tfseg.images import open_image

MARKS = ("labelmap.txt",)
WANTED = "labelmap.txt and SegmentationClass, as CVAT exports Segmentation mask 1.1"


def confirm(source):
    return (source / "SegmentationClass").is_dir()


def spec(source=None):
    need_folder(source, "cvat", WANTED)
    if not (source / "labelmap.txt").is_file() or not confirm(source):
        raise not_here(source, "a CVAT export", WANTED)
    table = _read_table(source / "labelmap.txt")
    index = index_classes(table)
    classes = classes_of(index)
    coding = Colors(tuple((color, index[name]) for name, color in table.items()))
    frames = partial(_frames, coding=coding)
    return tool_spec(source, "CVAT", classes, frames, tuple(table[name] for name in classes))


def _read_table(path):
    """{class: colour} in the order of the file."""
    table = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.split(":")
        try:
            color = tuple(map(int, rest[0].split(",")))
            good = len(rest) == 3 and len(color) == 3 and all(0 <= c <= 255 for c in color)
        except (ValueError, IndexError):
            good = False
        if not good or not name:
            raise UserError(f"{path}, line {number}: wanted name:r,g,b:parts:actions, not {line!r}")
        if name in table or color in table.values():
            raise UserError(
                f"{path}, line {number}: {name} or its colour occurs twice; give each label its "
                f"own name and colour in CVAT"
            )
        table[name] = color
    if not table:
        raise UserError(f"{path} lists no labels; export it again")
    return table


def _frames(source, report, coding):
    images = _by_name(source / "JPEGImages")
    if not images:
        raise UserError(f"{source / 'JPEGImages'} holds no images; export with Save images")
    labels = _by_name(source / "SegmentationClass")
    lists = sorted((source / "ImageSets" / "Segmentation").glob("*.txt"))
    if not lists:
        raise not_here(source, "a CVAT export", "ImageSets/Segmentation/default.txt")
    splits = {}
    for path in lists:
        split = "train" if path.stem.lower() == "default" else split_of(path.stem, default=None)
        if split is None:
            report(f"{path}: subset {path.stem!r} is not a split; rename it train.txt or val.txt")
            continue
        names = [line.strip() for line in read_text(path).splitlines()]
        for name in filter(None, names):
            if name in images and name in labels:
                _check_colors(labels[name], report)
                frame = Frame(name, images[name], labels[name], coding)
                splits.setdefault(split, []).append(frame)
            else:
                place = "SegmentationClass" if name in images else "JPEGImages"
                report(f"{path} lists {name}, which {place} lacks; export it again")
    listed = {frame.id for frames in splits.values() for frame in frames}
    if left := sorted(labels.keys() - listed):
        report(f"{len(left)} masks are in no list and are skipped, e.g. {left[0]}", spoils=False)
    return splits


def _check_colors(path, report):
    """Reports a gray mask: CVAT exports colours, and indices would be read as wrong colours."""
    try:
        mode = open_image(path).mode.partition(";")[0]
    except UserError:
        return  # reading the file raises the error later
    if mode not in ("RGB", "RGBA", "P"):
        report(f"{path} is {mode}, not in the colours of labelmap.txt; export it again")


def _by_name(folder):
    """{path inside the folder without extension, as in the lists: path}."""
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in images_in(folder)}
