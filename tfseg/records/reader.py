"""Opens data sets of any kind for reading by index: `records.splits["train"].read(3)`.

Order, shuffling and resuming are then arithmetic on indices, the same for TFRecord, LMDB and
raw folders.
"""

from collections.abc import Sequence
from pathlib import Path

from tfseg import storage
from tfseg.datasets import DATASETS, get_dataset, recognise
from tfseg.datasets.holdings import holdings
from tfseg.datasets.spec import with_range
from tfseg.datasets.tables import TABLES
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.concat import concat
from tfseg.records.raw_store import RawFrames
from tfseg.records.split import Info, Records, Split

SAMPLE = "streets"  # the generated sample; ignored if --input also holds other data sets


def open_records(
    path: str | Path,
    dataset: str | None = None,
    input_val: str | Path | None = None,
    val_fraction: float = 0.1,
    weights: Sequence[float] | None = None,
    pixel_range: tuple[float, float] | None = None,
    skip_damaged: bool = False,
) -> Records:
    """Opens a TFDS directory, an LMDB folder, a bare LMDB environment or a raw folder, or several.

    Args:
        path: as for `--input`, also an address such as "s3://bucket/records". A folder of data
            sets works if it holds only one. "a,b" opens both as one data set.
        dataset: data set name, if `path` holds several; its type, if `path` is a raw folder.
        input_val: the validation environment of a bare environment.
        val_fraction: share of the train split that becomes val, if there is no val split.
        weights: for several data sets, each one's share of an epoch's training frames; by
            default, an epoch takes every frame once.
        pixel_range: values that become 0 and 255 in a raw folder's images of more than 8 bits,
            see `tfseg.images.to_levels`.
        skip_damaged: also open data with damaged examples: reading one fails, and
            `without_corrupt` drops them.

    Raises:
        UserError: if there are no records or several data sets, or for damage.

    Example:
        >>> records = tfseg.open_records("records/streets")
        >>> records.info.classes[0], len(records.splits["train"])
        ('Sky', 64)
    """
    several = str(path).split(",")
    if len(several) > 1 and not Path(path).exists():
        if dataset:
            raise UserError(
                f"--dataset={dataset} does not work with several data sets; name them: "
                f"--input=DIR/a,DIR/b"
            )
        options = (None, input_val, val_fraction, None, pixel_range, skip_damaged)
        opened = [open_records(part, *options) for part in several]
        return concat(opened, weights)
    if weights:
        raise UserError("--input_weights is for several data sets, e.g. --input=a,b")
    path = storage.fetch(path, shards=False)
    spec = _find_raw(path, dataset)
    choice, path = (spec.name, path) if spec else _choose(path, dataset)
    bare = not spec and lmdb_store.is_environment(path)
    if input_val and not bare:
        raise UserError(
            f"--input_val={input_val} is for a bare LMDB environment, and {path} is not one; "
            f"leave it out, or name both: --input=A,B"
        )
    if spec:
        return _open_raw(spec, path, val_fraction, pixel_range, skip_damaged)
    if bare:
        folders = {"train": path} | ({"val": _environment(input_val)} if input_val else {})
        return _open_lmdb(choice, path, folders, val_fraction, skip_damaged)
    if tfrecord_store.is_data_set(path):
        metadata = tfrecord_store.read_metadata(path)
        stores = tfrecord_store.open_splits(path, metadata, skip_damaged)
        return _records(choice, path, "tfrecord", metadata, metadata["sizes"], stores, val_fraction)
    folders = {f.name: f for f in sorted(path.iterdir()) if lmdb_store.is_environment(f)}
    return _open_lmdb(choice, path, folders, val_fraction, skip_damaged)


def open_input(config, skip_damaged: bool = False) -> Records:
    """Opens the records of a `TrainConfig`; it or `skip_damaged` may allow damaged examples."""
    return open_records(
        config.input,
        config.dataset,
        config.input_val,
        config.val_fraction,
        config.input_weights,
        config.pixel_range,
        config.skip_damaged or skip_damaged,
    )


def find_raw(path, dataset=None):
    """The `DatasetSpec` of a raw folder; None for records and unrecognised folders.

    Raises `UserError` if the folder could be several data sets.
    """
    return _find_raw(storage.fetch(path, shards=False), dataset)


def _find_raw(path, dataset):
    if _data_sets(path) or not path.is_dir():
        return None
    known = dataset in DATASETS and dataset != SAMPLE  # SAMPLE has no raw folder
    kinds = [dataset] if known else recognise(path)
    if len(kinds) > 1:
        raise UserError(
            f"--input={path} may be several data sets; choose one: "
            + " or ".join(f"--dataset={name}" for name in kinds)
        )
    return get_dataset(kinds[0], path) if kinds else None


def _open_raw(spec, path, val_fraction, pixel_range, lenient):
    frames = with_range(spec.list_frames(path), pixel_range)
    stores = {split: RawFrames(listed) for split, listed in frames.items()}
    metadata = {
        "name": spec.name,
        "classes": spec.classes,
        "colors": spec.colors,
        "void": VOID,
        "encoding": "encoded",
        "pixel_range": pixel_range,
    }
    sizes = {split: store.sizes(lenient) for split, store in stores.items()}
    return _records(spec.name, path, "raw", metadata, sizes, stores, val_fraction)


def _open_lmdb(choice, path, folders, val_fraction, lenient):
    stores = {
        split: lmdb_store.Environment(folder, split, lenient) for split, folder in folders.items()
    }
    metadata = {split: store.metadata() for split, store in stores.items()}
    first, *others = metadata
    for other in others:
        for key in ("classes", "colors", "encoding"):
            if metadata[other][key] != metadata[first][key]:
                raise UserError(
                    f"{folders[other]} and {folders[first]} differ in {key}; convert both alike"
                )
    lost = sorted(metadata[first]["sizes"].keys() - folders.keys())
    if lost and not lmdb_store.is_environment(path):
        raise UserError(f"{path / lost[0] / 'data.mdb'} is missing; convert again")
    sizes = {split: _sizes(metadata[split], folder) for split, folder in folders.items()}
    return _records(choice, path, "lmdb", metadata[first], sizes, stores, val_fraction)


def _sizes(metadata, folder):
    """The frame sizes of an environment; if it was renamed, those of all splits."""
    every = [size for sizes in metadata["sizes"].values() for size in sizes]
    return metadata["sizes"].get(folder.name, every)


def _environment(path):
    path = storage.fetch(path)
    for folder in (path, path / "val"):
        if lmdb_store.is_environment(folder):
            return folder
    raise UserError(f"--input_val={path} is not an LMDB environment: it has no data.mdb")


def _records(choice, path, format, metadata, sizes, stores, val_fraction):
    info = Info(
        metadata["name"],
        tuple(metadata["classes"]),
        tuple(map(tuple, metadata["colors"])),
        metadata["void"],
        metadata["encoding"],
        tuple(metadata.get("pixel_range") or ()) or None,
    )
    sizes = {split: sorted(set(map(tuple, listed))) for split, listed in sizes.items()}
    splits = {name: Split(name, info, sizes[name], store) for name, store in stores.items()}
    if "val" not in splits and "train" in splits:
        splits |= _held_out(path, splits["train"], stores["train"], val_fraction)
    return Records(info.name, choice, path, format, info, splits)


def _held_out(path, train, store, fraction):
    """Splits train in two; the val examples are evenly spaced."""
    count = len(store)
    wanted = max(1, round(count * fraction))
    if wanted >= count:
        raise UserError(
            f"{path} has {count} example(s), which cannot be split; --val_fraction={fraction} "
            f"takes all"
        )
    chosen = {(2 * i + 1) * count // (2 * wanted) for i in range(wanted)}
    rest = [i for i in range(count) if i not in chosen]
    return {
        "train": Split("train", train.info, train.sizes, store, rest),
        "val": Split("val", train.info, train.sizes, store, sorted(chosen)),
    }


def _choose(path, dataset):
    """(name, folder) of the data set that `--input` and `--dataset` choose."""
    found = _data_sets(path)
    if not found:
        raise _no_data(path)
    if dataset is not None:
        if dataset not in found and f"{dataset}_lmdb" in found:
            dataset = f"{dataset}_lmdb"  # it exists only as LMDB
        if dataset not in found:
            raise UserError(f"--dataset={dataset} is not in {path}; it has {', '.join(found)}")
        return dataset, found[dataset]
    if len(found) > 1:
        found.pop(SAMPLE, None)
    if len(found) > 1:
        raise UserError(
            f"--input={path} holds several data sets; choose one: "
            + " or ".join(f"--dataset={name}" for name in found)
        )
    return next(iter(found.items()))


def check_exists(path: Path) -> None:
    """Raises `UserError` if `--input` is not a folder, or an empty one."""
    for part in (path,) if path.exists() else map(Path, str(path).split(",")):
        if not part.is_dir() or not any(part.iterdir()):
            raise _no_data(part)


def _no_data(path):
    """The error for a path without data: it names what was expected and what is there."""
    make = f"make some: convert --dataset=streets --output={path}"
    if not path.exists():
        return UserError(f"--input={path} does not exist; {make}")
    if not path.is_dir():
        return UserError(f"--input={path} is a file; wanted a folder of records or of raw data")
    if not any(path.iterdir()):
        return UserError(f"--input={path} is empty; {make}")
    return UserError(
        f"--input={path} holds no records (dataset_info.json, data.mdb) and no raw data set "
        f"(your own has {' or '.join(TABLES)}); {holdings(path)}"
    )


def _data_sets(path):
    """{name: folder} of the data set at `path`, or of the data sets in it."""
    here = _as_data_set(path)
    if here:
        return {path.parent.name if tfrecord_store.is_data_set(path) else path.name: here}
    if not path.is_dir():
        return {}
    inside = {child.name: _as_data_set(child) for child in sorted(path.iterdir())}
    return {name: folder for name, folder in inside.items() if folder}


def _as_data_set(path):
    """The folder itself, or its newest version, if it is a data set."""
    if not path.is_dir() or path.name.startswith("."):
        return None
    if tfrecord_store.is_data_set(path) or lmdb_store.is_environment(path):
        return path
    children = [child for child in sorted(path.iterdir()) if not child.name.startswith(".")]
    if any(lmdb_store.is_environment(child) for child in children):
        return path
    versions = [child for child in children if tfrecord_store.is_data_set(child)]
    return versions[-1] if versions else None
