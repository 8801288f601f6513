"""Describes each data set. To add one, add a file here and a row in DATASETS.

The file has the row's name. It defines `spec(**options)`, which returns the `DatasetSpec`, and
`MARKS`, glob patterns: a raw folder of that data set matches at least one, other folders match
none. If patterns are not enough, `confirm(source)` looks into the files.

It may import `labels`, `flags` and `errors`. Nothing here knows the format of records.
"""

import dataclasses
import importlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from tfseg.errors import UserError, unknown
from tfseg.flags import flag, read
from tfseg.parsing import switch


@dataclass(frozen=True)
class DataSet:
    """A row of `DATASETS`: the options of the data set, name -> `flag`."""

    options: dict[str, dataclasses.Field] = field(default_factory=dict)


_CAMVID = {
    "classes": flag(
        None, "number of classes: 11, 12 with void as a class, or 32", int, choices=(11, 12, 32)
    ),
    "mapping": flag(None, "how 32 colours map to 11 classes", choices=("segnet", "elab")),
}


def _scene(text):
    """Text like "20" or "Scene20" -> 20."""
    return int(text.lower().removeprefix("scene"))


_TASK = {
    "task": flag(
        None,
        "classes of a pixel: multiclass, that of the topmost shape; multilabel, those of all "
        "shapes that cover it",
        choices=("multiclass", "multilabel"),
    )
}

DATASETS = {
    "camvid": DataSet(_CAMVID),
    "camseq01": DataSet(_CAMVID),
    "cityscapes": DataSet(
        {
            "classes": flag(
                None, "number of classes: 19, or 20 with ignored pixels as 0", int, choices=(19, 20)
            ),
            "labels": flag(None, "annotations to use", choices=("fine", "coarse")),
        }
    ),
    "vkitti": DataSet(
        {"val_scene": flag(None, "scene to validate on", _scene, choices=(1, 2, 6, 18, 20))}
    ),
    "ade20k": DataSet(),
    "coco": DataSet(
        {
            "classes": flag(
                None, "number of classes: 171, or 133 from panoptic labels", int, choices=(171, 133)
            )
        }
    ),
    "voc2012": DataSet({"sbd": flag(None, "train on SBD's frames too", switch)}),
    "gta5": DataSet(),
    "folder": DataSet(),
    "class_masks": DataSet(),
    "labelme": DataSet(_TASK),
    "cvat": DataSet(),
    "coco_json": DataSet(
        {
            "unlabelled": flag(
                None, "class of pixels without annotation", choices=("background", "void")
            ),
            **_TASK,
        }
    ),
    "yolo": DataSet(_TASK),
    "roboflow": DataSet(),
    "label_studio": DataSet(_TASK),
    "streets": DataSet(),
}


def load_module(name: str) -> ModuleType:
    """Imports the file of a data set; called only on use, so the table loads fast."""
    return importlib.import_module(f"tfseg.datasets.{name}")


def get_dataset(name: str, source: Path | None = None, **options: Any):
    """Returns the `DatasetSpec` of a data set.

    Args:
        name: its name in `DATASETS`.
        source: its raw folder, for data sets whose classes come from files in it.
        options: options of the data set, such as classes=32; None means the default.

    Raises:
        UserError: for an unknown name, with similar names, or a wrong option.
    """
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS, every=True)
    from tfseg.datasets.spec import readable  # imports NumPy, which --help does not need

    row, module = DATASETS[name], load_module(name)
    given = {option: value for option, value in options.items() if value is not None}
    for option, value in given.items():
        if option not in row.options:
            known = ", ".join(f"--{key}" for key in row.options) or "none"
            raise UserError(
                f"--{option} is not an option of --dataset={name}; its options: {known}"
            )
        given[option] = read(option, row.options[option], value)
    if "source" in inspect.signature(module.spec).parameters:
        given["source"] = source
    with readable(source):
        return module.spec(**given)


def recognise(source: Path) -> list[str]:
    """Names of the data sets that a raw folder could be, by its file names."""
    source, found = Path(source), []
    for name in DATASETS:
        module = load_module(name)
        marked = any(next(source.glob(mark), None) for mark in module.MARKS)
        if marked and getattr(module, "confirm", lambda source: True)(source):
            found.append(name)
    return found


def option_flags() -> dict[str, dataclasses.Field]:
    """Every option of every data set as one `flag` each; its help names the data sets."""
    merged: dict[str, list] = {}
    for name, row in DATASETS.items():
        for option, own in row.options.items():
            merged.setdefault(option, []).append((name, own))
    return {option: _merged(owners) for option, owners in merged.items()}


def _merged(owners):
    texts: dict[str, list[str]] = {}
    for name, own in owners:
        texts.setdefault(own.metadata["help"], []).append(name)
    parts = [f"{text} ({', '.join(names)})" for text, names in texts.items()]
    return flag(None, "; ".join(parts), owners[0][1].metadata["parse"], group="dataset")
