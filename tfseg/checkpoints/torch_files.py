"""Reads PyTorch files: today's zip, and the chain of pickles from before PyTorch 1.6.

Source: `torch/serialization.py`, `_legacy_save` for the old form.
"""

import io
import struct
from typing import BinaryIO

import ml_dtypes
import numpy as np

from tfseg.checkpoints.names import Storage, Tensor
from tfseg.checkpoints.pickled import unpickled
from tfseg.checkpoints.source import DamageError, ReadingError, Source, open_zip, unzipped

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

_KINDS = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_SKIPPED = {  # bytes per number of types that are not read but must be skipped in old files
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QInt32Storage": 4,
}


class ZippedFile:
    """The format of `torch.save` since PyTorch 1.6: `data.pkl` and a file for every storage.

    Attributes:
        saved: the saved object, with `Tensor` for tensors.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.archive = open_zip(file)
        names = self.archive.namelist()
        pickle = next(name for name in names if name.rpartition("/")[2] == "data.pkl")
        self.root = pickle.removesuffix("data.pkl")
        order = f"{self.root}byteorder"
        if order in names and unzipped(self.archive, order) != b"little":
            raise ReadingError("its numbers are big-endian; save it on a little-endian machine")
        self.saved = unpickled(io.BytesIO(unzipped(self.archive, pickle)))

    def data(self, storage: Storage) -> bytes:
        """The bytes of a storage."""
        return unzipped(self.archive, f"{self.root}data/{storage.key}")


class OldFile:
    """The older format of `torch.save`: magic number, protocol, system, object, keys, storages.

    Attributes:
        saved: the saved object, with `Tensor` for tensors.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.source = Source(file)
        magic, protocol, system = unpickled(file), unpickled(file), unpickled(file)
        if (magic, protocol) != (MAGIC, PROTOCOL) or not isinstance(system, dict):
            raise DamageError("its first pickles are not what PyTorch writes")
        if system.get("little_endian") is not True:
            raise ReadingError("its numbers are big-endian; save it on a little-endian machine")
        storages = []
        self.saved = unpickled(file, storages)
        self.places = self._places(unpickled(file), file.tell(), storages)

    def _places(self, keys, offset, storages):
        """The position of each storage's bytes, which follow the count of its numbers."""
        sides = {storage.key: _bytes_a_number(storage.kind) for storage in storages}
        places = {}
        for key in keys if isinstance(keys, list) else ():
            if key not in sides:
                raise DamageError("its list of storages does not match its tensors")
            (count,) = struct.unpack("<q", self.source.at(offset, 8))
            places[key] = (offset + 8, count * sides[key])
            offset += 8 + count * sides[key]
            if count < 0 or offset > self.source.size:
                raise DamageError("it ends too early; it may be truncated")
        if offset != self.source.size or places.keys() != sides.keys():
            raise DamageError("its storages do not match its tensors")
        return places

    def data(self, storage: Storage) -> bytes:
        """The bytes of a storage."""
        return self.source.at(*self.places[storage.key])


def _bytes_a_number(kind):
    return _SKIPPED.get(kind) or np.dtype(_dtype(kind)).itemsize


def _dtype(kind):
    if kind not in _KINDS:
        raise ReadingError(f"it holds numbers of type {kind}; give plain floats")
    return _KINDS[kind]


def arrays(file: ZippedFile | OldFile, state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """The tensors of a state dict as arrays: read-only views, which may share numbers.

    A tensor is a strided view, so a few bytes can claim to be gigabytes. No tensor may be larger
    than its storage. Raises `DamageError`.
    """
    read, made = {}, {}
    for key, tensor in state.items():
        storage = tensor.storage
        if storage.key not in read:
            read[storage.key] = file.data(storage)
        numbers = np.frombuffer(read[storage.key], _dtype(storage.kind))
        if not 0 <= storage.start <= storage.start + storage.count <= numbers.size:
            raise DamageError(f"some numbers of {key} are missing")
        made[key] = _view(numbers[storage.start :][: storage.count], tensor, key)
    return made


def _check_strides(shape, strides, key):
    """Raises if elements of a tensor overlap; no trained tensor has such strides."""
    reach = 0
    for step, side in sorted((t, s) for s, t in zip(shape, strides, strict=True) if s > 1):
        if step <= reach:
            raise DamageError(f"{key} has strides {strides}, which make its numbers overlap")
        reach += step * (side - 1)


def _view(numbers, tensor, key):
    offset, shape, strides = tensor.offset, tensor.shape, tensor.strides
    if min((offset, *shape, *strides), default=0) < 0 or len(shape) != len(strides):
        raise DamageError(f"{key} has a negative offset, shape or stride")
    if 0 in shape:
        return np.zeros(shape, numbers.dtype)
    count = 1
    for side in shape:
        count *= side
    reach = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if reach >= numbers.size or count > numbers.size:
        raise DamageError(f"{key} reaches beyond its storage, or claims more numbers than it has")
    _check_strides(shape, strides, key)
    strides = [step * numbers.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, strides, writeable=False)
