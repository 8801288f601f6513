"""A user's own data: a folder of images, a folder of masks, and a small table of classes.

The table is `classes.csv` or `class_dict.csv` (columns name, r, g, b and, if needed, value), or
`dataset.toml`:

    name = "garden"                 # the folder's name by default
    masks = "indices"               # or "colors"; detected from the masks by default
    mask_folder = "masks"           # needed if several folders could hold the masks
    image_folder = "images"         # needed if several folders could hold the images
    mask_name = "{}_mask"           # names of masks, if an image seems to have several

    [[class]]
    name = "soil"
    color = [120, 80, 40]           # its display colour, and its colour in colour masks
    value = 0                       # its value in index masks; by default its position

A `dataset.toml` without classes adds settings to `classes.csv`. Pixels of a class called void,
ignore, unlabeled or unlabelled are void, and so is the value 255, unless a class has it. The
images are in one of the `LAYOUTS`.
"""

import re
from pathlib import Path

from tfseg.datasets.files import not_here, read_text
from tfseg.datasets.layouts import LAYOUTS, SPLITS, find_pairs
from tfseg.datasets.mask_coding import coding_of, kind_of
from tfseg.datasets.spec import DatasetSpec, Frame, data_name
from tfseg.datasets.tables import TABLES, read_table, table_of
from tfseg.errors import UserError, one_line
from tfseg.labels import palette

MARKS = TABLES


def spec(source):
    if source is None or not source.is_dir():
        raise UserError(f"--dataset=folder needs --source=FOLDER with one of {', '.join(TABLES)}")
    path = table_of(source)
    if path is None:
        raise not_here(
            source,
            "a data set of your own",
            f"one of {', '.join(TABLES)} with the classes; inspect --input={source} "
            f"--draft={source}/classes.csv drafts one from the masks",
        )
    settings, rows = read_table(path)
    classes = [row for row in rows if not row.void]
    shown = palette(len(classes))
    return DatasetSpec(
        name=data_name(settings.get("name") or source.resolve().name),
        title=one_line(f"{source.resolve().name}: {len(classes)} classes of {path.name}"),
        classes=tuple(row.name for row in classes),
        colors=tuple(row.color or color for row, color in zip(classes, shown, strict=True)),
        frames=lambda source, report: _frames(source, report, rows, settings),
    )


def _frames(source, report, rows, settings):
    pairs = paired(source, settings, report)
    masks = [mask for listed in pairs.values() for _, _, mask in listed]
    coding = coding_of(rows, settings.get("masks") or kind_of(source, masks, rows))
    return {split: [Frame(*names, coding) for names in listed] for split, listed in pairs.items()}


def paired(source: Path, settings: dict, report) -> dict[str, list]:
    """{split: [(id, image, mask)]}, from list files or from the folder's layout.

    Raises:
        UserError: if the folder has neither lists nor a known layout.
    """
    names = {path.name.lower(): path for path in source.glob("*.[tT][xX][tT]")}
    lists = {
        split: names[f"{word}.txt"]
        for split, words in SPLITS.items()
        for word in words
        if f"{word}.txt" in names
    }
    if lists:
        return {split: _listed(path, report) for split, path in lists.items()}
    pairs = find_pairs(source, settings, report)
    if not pairs:
        from tfseg.datasets.holdings import holdings

        wanted = f"{' '.join(LAYOUTS.split())}; {holdings(source, settings)}"
        raise not_here(source, "a data set of your own", wanted)
    return pairs


def _listed(path, report):
    """The frames of a list file with one "image mask" per line, relative to its folder."""
    frames = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        names = [name.strip() for name in re.split(r"[,\t]", line)]
        names = names if len(names) == 2 else line.split()
        places = [path.parent / name for name in names]
        if len(places) != 2 or not all(place.is_file() for place in places):
            report(f"{path}, line {number}: wanted two files, image and mask, not {line[:99]!r}")
            continue
        frames.append((str(Path(names[0]).with_suffix("")), *places))
    if not frames:
        report(f"{path} lists no frames")
    return frames
