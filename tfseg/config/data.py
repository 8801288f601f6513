"""What the commands on data sets can be told."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from tfseg.config.words import DATASET, INPUT, PIXEL_RANGE
from tfseg.datasets import option_flags
from tfseg.flags import Config, flag, names, page_file, path, size, switch, value_range


@dataclass(frozen=True)
class _Conversion(Config):
    """What every conversion can be told."""

    dataset: str = flag(None, "which data set, or folder for your own; an unknown name lists them")
    source: Path = flag(None, "its raw folder", path)
    download: bool = flag(False, "fetch it into --source first, where that may be done", switch)
    splits: tuple = flag(
        None, "those to convert, as train,val; all by default", names, group="conversion"
    )
    limit: int = flag(
        None, "first frames of each split, for a trial", int, low=1, group="conversion"
    )
    output: Path = flag(Path("records"), "folder of data sets to write into", path)
    format: str = flag(
        "tfrecord", "how it lies on disk", choices=("tfrecord", "lmdb"), group="conversion"
    )
    size: tuple = flag(
        None, "resize once, HxW in pixels; as they are by default", size, group="conversion"
    )
    encoding: str = flag(
        "keep",
        "of images: keep their own bytes, png, jpeg, or raw pixels (large, but nothing to decode)",
        choices=("keep", "png", "jpeg", "raw"),
        group="conversion",
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE, value_range, group="conversion")
    shards: int = flag(
        None, "tfrecord files a split; of 128 MiB by default", int, low=1, group="conversion"
    )
    workers: int = flag(None, "processes; one a core by default", int, low=1, group="conversion")
    allow_unknown: bool = flag(
        False, "make void what no class is known for", switch, group="conversion"
    )
    overwrite: bool = flag(False, "replace records that are there", switch, group="conversion")


# What a data set itself can be told is in its row of `DATASETS`.
ConvertConfig = dataclasses.make_dataclass(
    "ConvertConfig",
    [(name, field.metadata["parse"], field) for name, field in option_flags().items()],
    bases=(_Conversion,),
    frozen=True,
    namespace={"__doc__": "Turn a raw data set into records.", "__module__": __name__},
)


@dataclass(frozen=True)
class InspectConfig(Config):
    """Say what records or a raw folder hold, and what would spoil training (then exit code 1)."""

    input: Path = flag(Path("records"), INPUT, path)
    dataset: str = flag(None, DATASET)
    output: Path = flag(None, "PNG for a sheet of labelled samples", path)
    html: Path = flag(None, "file for all of it as one page", page_file)
    draft: Path = flag(
        None, "write instead a table of classes, classes.csv, from the masks of a raw folder", path
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE, value_range)
    verify: bool = flag(False, "check instead that records are what was written", switch)
    augment: str = flag(
        None, "show instead what training with this --augment sees, in --output (augment.png)"
    )
    workers: int = flag(None, "processes; one a core by default", int, low=1)
