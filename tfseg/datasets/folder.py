"""A user's own data: a folder of pictures, a folder of masks, and a small table of classes.

The table is `classes.csv` or `class_dict.csv` (columns name, r, g, b and, if need be, value), or
`dataset.toml`:

    name = "garden"                 # the folder's name by default
    masks = "indices"               # or "colors"; found out from the masks by default

    [[class]]
    name = "soil"
    color = [120, 80, 40]           # how it is shown, and how it looks in masks of colours
    value = 0                       # its number in masks of indices; its place by default

A class called void, ignore, unlabeled or unlabelled is none: its pixels are void, and so is the
value 255, unless a class has it. The pictures lie in one of the `LAYOUTS`.
"""

import csv
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError
from tfseg.labels import VOID, palette

TABLES = ("dataset.toml", "classes.csv", "class_dict.csv")
MARKS = TABLES
SPLITS = ("train", "val", "test")
NO_CLASS = {"void", "ignore", "unlabeled", "unlabelled"}
LABEL_ENDS = ("", "_L", "_mask", "_label")  # what masks' names may end in, beside their pictures'
LOOKED_AT = 16  # masks that say whether all are indices or colours

LAYOUTS = """images/train and labels/train (val, test) with the same file names, or
images and labels, or train and train_labels (val, val_labels), or
train.txt and val.txt with a line "picture mask" for each frame"""


@dataclass(frozen=True)
class Row:
    """A class of the table; `color` and `value` are None where it gives none."""

    name: str
    color: tuple[int, int, int] | None
    value: int | None


def spec(source):
    if source is None or not source.is_dir():
        raise UserError(f"--dataset=folder needs --source=FOLDER with one of {', '.join(TABLES)}")
    path = next((source / name for name in TABLES if (source / name).is_file()), None)
    if path is None:
        raise not_here(source, "a data set of your own", f"one of {', '.join(TABLES)}")
    settings, rows = _read_toml(path) if path.suffix == ".toml" else ({}, _read_csv(path))
    _check(path, rows)
    classes = [row for row in rows if row.name.lower() not in NO_CLASS]
    shown = palette(len(classes))
    return DatasetSpec(
        name=_name(settings.get("name") or source.resolve().name),
        title=f"{source.resolve().name}: {len(classes)} classes of {path.name}",
        classes=tuple(row.name for row in classes),
        colors=tuple(row.color or color for row, color in zip(classes, shown, strict=True)),
        frames=lambda source, report: _frames(source, report, rows, settings.get("masks")),
    )


def _name(text):
    """What TFDS accepts as a name: lower case, digits and underscores, a letter first."""
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return text if text[:1].isalpha() else f"data_{text}".rstrip("_")


def _read_toml(path):
    try:
        settings = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    for key in settings.keys() - {"name", "masks", "class"}:
        raise UserError(f"{path}: unknown key {key!r}; it may have name, masks and [[class]]")
    if settings.get("masks", "indices") not in ("indices", "colors"):
        raise UserError(f"{path}: masks = {settings['masks']!r}; wanted indices or colors")
    rows = []
    for i, entry in enumerate(settings.get("class", ())):
        rows.append(_row(f"{path}, class {i + 1}", entry, entry.get("color")))
    return settings, rows


def _read_csv(path):
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}") from None
    lines = [(i + 1, [cell.strip() for cell in line]) for i, line in enumerate(lines) if any(line)]
    if not lines:
        return []
    header = [cell.lower() for cell in lines[0][1]]
    if "name" not in header:
        raise UserError(f"{path}: its first line should be name,r,g,b (and value where needed)")
    rows = []
    for number, cells in lines[1:]:
        entry = {key: cell for key, cell in zip(header, cells, strict=False) if cell}
        color = [entry[key] for key in "rgb" if key in entry]
        rows.append(_row(f"{path}, line {number}", entry, color or None))
    return rows


def _row(place, entry, color):
    try:
        color = None if color is None else tuple(map(int, color))
        value = int(entry["value"]) if "value" in entry else None
        numbers = (*(color or ()), *(() if value is None else (value,)))
        if len(color or (0, 0, 0)) != 3 or not all(0 <= n <= 255 for n in numbers):
            raise ValueError
        return Row(str(entry["name"]), color, value)
    except (KeyError, ValueError, TypeError):
        raise UserError(
            f"{place}: wanted a name, three numbers 0 to 255 (r, g, b) and maybe a value, "
            f"not {entry}"
        ) from None


def _check(path, rows):
    if sum(row.name.lower() not in NO_CLASS for row in rows) < 2:
        raise UserError(f"{path} names fewer than two classes")
    for what in ("name", "color", "value"):
        seen = {}
        for row in rows:
            key = getattr(row, what)
            if key is not None and key in seen:
                raise UserError(f"{path}: {seen[key]} and {row.name} have the same {what} {key}")
            seen[key] = row.name


def _frames(source, report, rows, masks):
    pairs = _pairs(source, report)
    labels = [frame.label for listed in pairs.values() for frame in listed]
    coding = _coding(rows, masks or _kind(labels, rows))
    return {
        split: [Frame(f.id, f.image, f.label, coding) for f in listed]
        for split, listed in pairs.items()
    }


def _pairs(source, report):
    """{split: frames without a coding}, from whichever layout the folder has."""
    lists = [split for split in SPLITS if (source / f"{split}.txt").is_file()]
    if lists:
        return {split: _listed(source / f"{split}.txt", report) for split in lists}
    if (source / "images").is_dir():
        splits = [split for split in SPLITS if (source / "images" / split).is_dir()]
        folders = {s: (source / "images" / s, source / "labels" / s) for s in splits}
        folders = folders or {"train": (source / "images", source / "labels")}
    else:
        splits = [split for split in SPLITS if (source / split).is_dir()]
        folders = {s: (source / s, source / f"{s}_labels") for s in splits}
    if not folders:
        raise not_here(source, "a data set of your own", " ".join(LAYOUTS.split()))
    return {
        split: pair_folders(*both, None, report, label_end=_label_end(*both))
        for split, both in folders.items()
    }


def _label_end(images, labels):
    """The ending of masks' names by which the first picture finds its mask."""
    stems = {path.stem for path in labels.iterdir()} if labels.is_dir() else set()
    for path in sorted(images.iterdir()):
        for end in LABEL_ENDS:
            if path.stem + end in stems:
                return end
    return ""


def _listed(path, report):
    """The frames of a list file, "picture mask" a line, as paths from its folder."""
    frames = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        names = [name.strip() for name in re.split(r"[,\t]", line)]
        names = names if len(names) == 2 else line.split()
        places = [path.parent / name for name in names]
        if len(places) != 2 or not all(place.is_file() for place in places):
            report(f"{path}, line {number}: wanted two files, picture and mask, not {line!r}")
            continue
        frames.append(Frame(str(Path(names[0]).with_suffix("")), *places, None))
    if not frames:
        report(f"{path} lists no frames")
    return frames


def _kind(labels, rows):
    """Whether masks are "indices" or "colors", from a few of them, spread over all.

    RGB pictures are colours. A palette PNG is where all its colours are in the table: what was
    saved by a drawing program has them in any order. So are gray ones whose values are no
    indices, as in masks of 0 and 255 with classes of black and white.
    """
    known = {row.color for row in rows}
    indices, seen = {_value(row, place) for place, row in enumerate(rows)}, set()
    for label in labels[:: max(1, len(labels) // LOOKED_AT)]:
        try:
            with Image.open(label) as picture:
                mode, found = picture.mode, {value for _, value in picture.getcolors(1 << 24)}
                colors = {value for _, value in picture.convert("RGB").getcolors(1 << 24)}
        except OSError:
            continue  # whoever reads it again will say so
        if mode.startswith("RGB"):
            return "colors"
        if not colors <= known:
            return "indices"
        seen |= colors if mode == "P" else found
    return "indices" if seen <= indices else "colors"


def _value(row, place):
    return place if row.value is None else row.value


def _coding(rows, masks):
    index, table = 0, []
    for place, row in enumerate(rows):
        void = row.name.lower() in NO_CLASS
        key = row.color if masks == "colors" else _value(row, place)
        if key is None:
            raise UserError(
                f"the masks hold colours, and the table gives none for {row.name}; add r,g,b"
            )
        table.append((key, VOID if void else index))
        index += not void
    if masks == "colors":
        return Colors(tuple(table))
    return Values((*table, *([(VOID, VOID)] if VOID not in dict(table) else [])))
