"""Roboflow's "Semantic Segmentation Masks" export: `NAME.jpg` and `NAME_mask.png` in a folder."""

import csv
import io
import re
from functools import partial

from tfseg.datasets.annotations import classes_of, index_classes, need_folder, split_of, tool_spec
from tfseg.datasets.coding import Values
from tfseg.datasets.files import not_here, pair_folders, read_text
from tfseg.errors import UserError

MARKS = ("*/_classes.csv", "_classes.csv")
WANTED = "train/_classes.csv (Pixel Value, Class), as Roboflow exports Semantic Segmentation Masks"
HEADER = ["pixel value", "class"]  # exports for classification have other columns


def confirm(source):
    return any(_rows(path)[:1] == [HEADER] for path in _tables(source))


def spec(source=None):
    need_folder(source, "roboflow", WANTED)
    paths = _tables(source)
    if not paths:
        raise not_here(source, "a Roboflow export", WANTED)
    first, *others = paths
    table = _read_table(first)
    for path in others:
        if _read_table(path) != table:
            raise UserError(f"{path} and {first} have different classes; export them together")
    if len(set(table.values())) < len(table):
        raise UserError(f"{first} has two values for one class; rename one in Roboflow")
    index = index_classes(table.values())
    coding = Values(tuple((value, index[name]) for value, name in table.items()))
    frames = partial(_frames, paths=paths, coding=coding)
    return tool_spec(source, "Roboflow", classes_of(index), frames)


def _tables(source):
    return sorted(path for mark in MARKS for path in source.glob(mark))


def _rows(path):
    """The rows of a CSV table, the header in lower case."""
    try:
        lines = csv.reader(io.StringIO(read_text(path), newline=""))
        rows = [[field.strip() for field in row] for row in lines if row]
    except csv.Error as error:
        raise UserError(f"{path}: {error}; export it again") from None
    return [[field.lower() for field in rows[0]], *rows[1:]] if rows else []


def _read_table(path):
    """{pixel value: class} in the order of the file."""
    header, *rows = _rows(path) or [[]]
    if header != HEADER:
        raise UserError(f"{path}: wanted columns Pixel Value, Class, not {', '.join(header)}")
    table = {}
    for number, row in enumerate(rows, 2):
        good = (
            len(row) == 2 and re.fullmatch("[0-9]{1,3}", row[0]) and int(row[0]) <= 255 and row[1]
        )
        if not good or int(row[0]) in table:
            raise UserError(
                f"{path}, line {number}: wanted a pixel value of 0 to 255 that no other class has, "
                f"and a class, not {', '.join(row)}; export it again"
            )
        table[int(row[0])] = row[1]
    if not table:
        raise UserError(f"{path} lists no classes; export it again")
    return table


def _frames(source, report, paths, coding):
    splits, folders = {}, {path.parent for path in paths}
    for folder in sorted(source.iterdir()):
        if folder not in folders and any(folder.glob("*_mask.png")):
            report(f"{folder} has masks and no _classes.csv; export it again")
    for path in paths:
        folder = path.parent
        split = "train" if folder == source else split_of(folder.name, default=None)
        if split is None:
            report(f"{folder} is not a split; rename it train, valid or test")
            continue
        frames = pair_folders(folder, folder, coding, report, label_end="_mask", image_not="_mask")
        splits.setdefault(split, []).extend(frames)
    return splits
