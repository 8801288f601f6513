"""The meaning of each data set. A new one is a file here and a row in DATASETS.

The file bears the row's name. It has `spec(**options)`, which gives the `DatasetSpec`, and `MARKS`,
glob patterns of which a raw folder of that data set matches one and others match none. Where
patterns do not decide, `confirm(source)` looks into the files.

Rooms it may use: `labels`, `flags`, `errors`. Nothing here knows how records lie on disk.
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
    """A row of `DATASETS`: what the data set can be told, option -> `flag`."""

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
        "what a label says of a pixel: one class, the topmost shape's, or, multilabel, every class "
        "whose shapes cover it",
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
    """Imports the file of a data set; only on use, so that the table loads fast."""
    return importlib.import_module(f"tfseg.datasets.{name}")


def get_dataset(name: str, source: Path | None = None, **options: Any):
    """Returns the `DatasetSpec` of a data set.

    Args:
        name: its name in `DATASETS`.
        source: its raw folder, for data sets that are described by files in it.
        options: options of the data set, such as classes=32; None is the default.

    Raises:
        UserError: for an unknown name, with the nearest names, or a wrong option.
    """
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS, every=True)
    from tfseg.datasets.spec import readable  # with NumPy, which --help does without

    row, module = DATASETS[name], load_module(name)
    given = {option: value for option, value in options.items() if value is not None}
    for option, value in given.items():
        if option not in row.options:
            known = ", ".join(f"--{key}" for key in row.options) or "none"
            raise UserError(f"--{option} is no option of --dataset={name}; its own: {known}")
        given[option] = read(option, row.options[option], value)
    if "source" in inspect.signature(module.spec).parameters:
        given["source"] = source
    with readable(source):
        return module.spec(**given)


def recognise(source: Path) -> list[str]:
    """Names of the data sets that a raw folder may be, by its file names."""
    source, found = Path(source), []
    for name in DATASETS:
        module = load_module(name)
        marked = any(next(source.glob(mark), None) for mark in module.MARKS)
        if marked and getattr(module, "confirm", lambda source: True)(source):
            found.append(name)
    return found


def option_flags() -> dict[str, dataclasses.Field]:
    """Every option of every data set as one `flag`, whose help says which data set takes what."""
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
