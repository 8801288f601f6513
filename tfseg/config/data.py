"""The flags of the commands on data sets."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from tfseg.config.cluster import check_cluster, ray_flag
from tfseg.config.words import DATASET, INPUT, PIXEL_RANGE
from tfseg.datasets import option_flags
from tfseg.flags import Config, flag
from tfseg.parsing import names, page_file, path, size, switch, value_range


@dataclass(frozen=True)
class _Conversion(Config):
    """The flags that every conversion has."""

    dataset: str = flag(None, "data set type, or folder for your own; an unknown name lists all")
    source: Path = flag(None, "folder with the raw data", path)
    download: bool = flag(
        False, "download the data into --source first, if the data set allows it", switch
    )
    splits: tuple = flag(
        None, "splits to convert, e.g. train,val (default: all)", names, group="conversion"
    )
    limit: int = flag(
        None,
        "convert only this many frames of each split, for a trial",
        int,
        low=1,
        group="conversion",
    )
    output: Path = flag(Path("records"), "folder to write the records into", path, fetch=False)
    format: str = flag(
        "tfrecord", "storage format", choices=("tfrecord", "lmdb"), group="conversion"
    )
    size: tuple = flag(
        None,
        "resize once to HxW pixels (default: keep each frame's size)",
        size,
        group="conversion",
    )
    encoding: str = flag(
        "keep",
        "image encoding: keep the original bytes, png (decodes faster than most PNG files), jpeg, "
        "or raw pixels (large, but nothing to decode)",
        choices=("keep", "png", "jpeg", "raw"),
        group="conversion",
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE, value_range, group="conversion")
    shards: int = flag(
        None, "TFRecord files per split (default: one per 128 MiB)", int, low=1, group="conversion"
    )
    workers: int = flag(None, "processes (default: one per core)", int, low=1, group="conversion")
    allow_unknown: bool = flag(
        False, "turn pixels of unknown values into void", switch, group="conversion"
    )
    overwrite: bool = flag(False, "replace existing records", switch, group="conversion")
    ray: str = ray_flag()

    def check(self) -> None:
        check_cluster(self, "source")


# The options of a data set are in its row of `DATASETS`.
ConvertConfig = dataclasses.make_dataclass(
    "ConvertConfig",
    [(name, field.metadata["parse"], field) for name, field in option_flags().items()],
    bases=(_Conversion,),
    frozen=True,
    namespace={"__doc__": "Turn a raw data set into records.", "__module__": __name__},
)


@dataclass(frozen=True)
class InspectConfig(Config):
    """List what records or a raw folder hold, and their problems (exit code 1 if serious)."""

    input: Path = flag(Path("records"), INPUT, path, fetch=False, path="records")
    dataset: str = flag(None, DATASET)
    output: Path = flag(
        None, "PNG file for a sheet of labelled samples", path, fetch=False, publish=True
    )
    html: Path = flag(None, "HTML file for the whole report", page_file, fetch=False, publish=True)
    draft: Path = flag(
        None,
        "instead of a report, write a table of classes, classes.csv, from the masks of a raw "
        "folder",
        path,
        fetch=False,
        publish=True,
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE, value_range)
    verify: bool = flag(False, "instead of a report, check records against checksums", switch)
    augment: str = flag(
        None, "draw frames as training with this --augment sees them, to --output (augment.png)"
    )
    workers: int = flag(None, "processes (default: one per core)", int, low=1)
