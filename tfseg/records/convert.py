"""Raw data set -> records, whole or not at all."""

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import lmdb
import tensorflow as tf
from tqdm import tqdm

from tfseg.datasets.coding import VOID
from tfseg.errors import UserError
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.frames import make_example


def convert(
    spec, source, output, *, format="tfrecord", size=None, encoding="keep", overwrite=False
):
    """Writes a data set's records and returns their folder.

    Args:
        spec: the `DatasetSpec`.
        source: its raw folder; None where the frames are drawn.
        output: folder of data sets. TFRecord lands in `<name>/1.0.0/`, LMDB in `<name>_lmdb/`.
        format: "tfrecord" or "lmdb".
        size: (H, W) that every frame is resized to, image bilinear, label nearest; None keeps.
        encoding: of images: "keep" their own bytes where nothing changes, "png", "jpeg", or "raw".
        overwrite: replace records that are there.

    Raises:
        UserError: for raw data that is off, naming the file, or records that are there already.
    """
    frames = spec.list_frames(source)
    lmdb_format = format == "lmdb"
    name = f"{spec.name}_lmdb" if lmdb_format else Path(spec.name, tfrecord_store.VERSION)
    metadata = {
        "name": spec.name,
        "classes": spec.classes,
        "colors": spec.colors,
        "void": VOID,
        "encoding": "raw" if encoding == "raw" else "encoded",
        "sizes": {split: set() for split in frames},
    }
    with _whole(Path(output) / name, overwrite) as folder, _progress(frames) as bar:
        infos = []
        for split, listed in frames.items():
            examples = _examples(listed, size, encoding, metadata["sizes"][split], bar)
            if lmdb_format:
                lmdb_store.write_split(folder, split, examples)
            else:
                pixels = sum(f.image.stat().st_size for f in listed if isinstance(f.image, Path))
                infos.append(
                    tfrecord_store.write_split(
                        folder, spec.name, split, examples, len(listed), pixels
                    )
                )
        metadata["sizes"] = {split: sorted(s) for split, s in metadata["sizes"].items()}
        if lmdb_format:
            lmdb_store.write_metadata(folder, list(frames), metadata)
        else:
            tfrecord_store.write_metadata(folder, spec, infos, metadata)
    return Path(output) / name


def _progress(frames):
    return tqdm(total=sum(map(len, frames.values())), desc="converting", unit="frame")


@contextmanager
def _whole(final, overwrite):
    """A folder that takes the place of `final` when everything in it is written."""
    if final.exists() and not overwrite:
        raise UserError(f"{final} exists; --overwrite replaces it")
    partial = final.with_name(f".{final.name}.partial")
    old = final.with_name(f".{final.name}.old")
    try:
        with _alone(partial, final):
            # What a conversion left that was killed: pixels, or both renames half done.
            _empty(partial)
            if final.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():
                os.replace(old, final)
            yield partial
            if final.exists():
                os.replace(final, old)
            os.replace(partial, final)
            shutil.rmtree(old, ignore_errors=True)
    except (OSError, lmdb.Error, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"could not write {final}: {reason}; nothing was kept") from None
    finally:
        with suppress(OSError):  # only where it is empty
            final.parent.rmdir()


@contextmanager
def _alone(partial, final):
    """Makes `partial`, held by this process alone (a kill lets go of it), gone on failure."""
    partial.mkdir(parents=True, exist_ok=True)
    folder = os.open(partial, os.O_RDONLY)
    try:
        with suppress(OSError):  # network disks that know no such lock
            _lock(folder, final)
        try:
            yield
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(folder)


def _lock(folder, final):
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another conversion is writing {final}; wait for it to end") from None


def _empty(folder):
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()


def _examples(frames, size, encoding, sizes, bar):
    """Serialized examples in order; the sizes met are added to `sizes`."""
    for frame in frames:
        example = make_example(frame, size, encoding)
        sizes.add(example.size)
        bar.update()
        yield example.serialized
