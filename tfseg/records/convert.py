"""Raw data set -> records, whole or not at all."""

import fcntl
import io
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import lmdb
import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from tfseg.datasets.spec import VOID
from tfseg.errors import UserError
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.example import PNG_OPTIONS, serialize


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
    frames = _frames(spec, source)
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
            examples = _examples(spec, listed, size, encoding, metadata["sizes"][split], bar)
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


def _frames(spec, source):
    if not spec.needs_source:
        return spec.frames(None)
    if source is None:
        raise UserError(f"--dataset={spec.name} needs --source=FOLDER, its raw data")
    if not Path(source).is_dir():
        raise UserError(f"--source={source} is not a folder")
    return spec.frames(Path(source))


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


def _examples(spec, frames, size, encoding, sizes, bar):
    """Serialized examples in order; the sizes met are added to `sizes`."""
    for frame in frames:
        kept, image = _read_image(frame.image)
        label = _read_label(spec, frame.label)
        if image.shape[:2] != label.shape:
            raise UserError(
                f"{frame.image} is {_by(image)} but {frame.label} is {_by(label)} (height x width)"
            )
        if size is not None and size != label.shape:
            kept, width_height = None, size[::-1]
            image = cv2.resize(image, width_height, interpolation=cv2.INTER_LINEAR)
            # The exact kind has pixel centres where the bilinear one has them.
            label = cv2.resize(label, width_height, interpolation=cv2.INTER_NEAREST_EXACT)
        sizes.add(label.shape)
        bar.update()
        yield serialize(_encode(image, kept, encoding), label, frame.id)


def _by(array):
    return f"{array.shape[0]}x{array.shape[1]}"


def _encode(image, kept, encoding):
    if encoding == "raw":
        return image
    if encoding == "keep" and kept is not None:
        return kept
    if encoding == "jpeg":
        suffix, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]
    else:
        suffix, options = ".png", PNG_OPTIONS
    return cv2.imencode(suffix, image[..., ::-1], options)[1].tobytes()


def _read_image(place):
    """(the file's bytes where records can keep them, else None; RGB pixels)."""
    if callable(place):
        return None, place()
    data = place.read_bytes()
    picture = _open(place, data)
    if picture.mode != "RGB" or picture.format not in ("PNG", "JPEG"):
        return None, np.asarray(picture.convert("RGB"))
    return data, _decode(place, data, channels=3)


def _read_label(spec, place):
    """Class indices (H, W), void as 255."""
    if callable(place):
        return spec.to_index(place())
    data = place.read_bytes()
    picture = _open(place, data)
    if picture.format == "PNG":
        _decode(place, data, channels=0)
    if picture.mode not in ("L", "P"):
        raise UserError(f"{place} is {picture.mode}, not single-channel 8-bit class indices")
    try:
        return spec.to_index(np.asarray(picture))
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _decode(path, data, channels):
    """Pixels as training will see them; TensorFlow checks CRCs that Pillow lets pass."""
    try:
        return tf.io.decode_image(data, channels, expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError as error:
        reason = " ".join(error.message.split())
        raise UserError(f"{path} is damaged or no picture: {reason}") from None


def _open(path, data):
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()  # to the last byte: OpenCV lets a cut file pass
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} is damaged or no picture: {error}") from None
    return picture
