"""What each data set means. A new one is a file here and a name in DATASETS.

Each file has `spec(**options)`, which gives its `DatasetSpec`, and `MARKS`, glob patterns of
which a raw folder of that data set has one and others have none.
"""

import inspect
from pathlib import Path

from tfseg.datasets import (
    ade20k,
    camseq01,
    camvid,
    cityscapes,
    coco,
    folder,
    gta5,
    streets,
    vkitti,
    voc2012,
)
from tfseg.errors import UserError, unknown

DATASETS = {
    "camvid": camvid,
    "camseq01": camseq01,
    "cityscapes": cityscapes,
    "vkitti": vkitti,
    "ade20k": ade20k,
    "coco": coco,
    "voc2012": voc2012,
    "gta5": gta5,
    "folder": folder,
    "streets": streets,
}


def get_dataset(name, source=None, **options):
    """The spec of a data set.

    Args:
        name: its name in `DATASETS`.
        source: its raw folder, for one that is described there.
        options: what the data set can be told, as classes=32; None is its own default.

    Raises:
        UserError: for an unknown name, with the nearest there are, or an option that is off.
    """
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    known = inspect.signature(DATASETS[name].spec).parameters
    given = {option: value for option, value in options.items() if value is not None}
    for option in sorted(given.keys() - known.keys()):
        its = ", ".join(f"--{key}" for key in known if key != "source") or "none"
        raise UserError(f"--{option} is no option of --dataset={name}; its own: {its}")
    if "source" in known:
        given["source"] = source
    return DATASETS[name].spec(**given)


def recognise(source):
    """Names of the data sets whose marks a folder bears."""
    source = Path(source)
    return [
        name
        for name, module in DATASETS.items()
        if any(next(source.glob(mark), None) for mark in module.MARKS)
    ]
