"""Reads parts of untrusted files: nothing beyond their end and no size unchecked."""

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

UNPACKED = 10  # most times its own size that a zip may unpack to; weights hardly compress
FREE = 1 << 20  # bytes allowed on top, because text in a small file compresses well


class ReadingError(ValueError):
    """A file that cannot be loaded. Callers put its name before the message."""


class DamageError(ReadingError):
    """A file that is not what it claims to be."""


class Source:
    """A file's bytes, part by part. Reading beyond the end raises `DamageError`.

    The constructor leaves the file at `position`.
    """

    def __init__(self, file: BinaryIO, position: int = 0) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        file.seek(position)

    def at(self, offset: int, count: int) -> bytes:
        """Reads `count` bytes from `offset`."""
        if min(offset, count) < 0 or offset + count > self.size:
            raise DamageError("it ends too early; it may be truncated")
        self.file.seek(offset)
        data = self.file.read(count)
        if len(data) < count:
            raise DamageError("it shrank while it was read")
        return data

    def array(self, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Reads an array of `shape` at `offset`, in C order."""
        count = 1
        for side in shape:
            count *= side
        return np.frombuffer(self.at(offset, count * dtype.itemsize), dtype).reshape(shape)


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Opens a zip; raises `DamageError` if it unpacks to more than `UNPACKED` times its size."""
    size = Source(file).size
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise DamageError(
            f"its table of contents cannot be read ({error}); is it truncated?"
        ) from None
    claimed = sum(entry.file_size for entry in archive.infolist())
    if claimed > UNPACKED * size + FREE:
        raise DamageError(f"its {size:,} bytes claim to unpack to {claimed:,}")
    return archive


def unzipped(archive: zipfile.ZipFile, name: str) -> bytes:
    """An entry's bytes, checked by CRC. Raises `DamageError`."""
    try:
        return archive.read(name)
    except KeyError:
        raise DamageError(f"it lacks {name}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError) as error:
        raise DamageError(f"{name} in it is damaged: {error}") from None


def unzipped_source(archive: zipfile.ZipFile, name: str) -> Source:
    """An entry as a `Source`."""
    return Source(io.BytesIO(unzipped(archive, name)))


def check_numbers(tensors: Mapping[str, np.ndarray]) -> None:
    """Raises `ReadingError` if a weight is NaN or infinite, also as float32."""
    for name, array in tensors.items():
        with np.errstate(over="ignore", invalid="ignore"):
            wrong = array.dtype.kind not in "iub" and not np.isfinite(array.astype("f4")).all()
        if wrong:
            raise ReadingError(
                f"{name} holds NaN or infinite numbers; it is damaged or badly trained"
            )
