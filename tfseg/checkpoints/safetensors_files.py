"""Reads `.safetensors`: eight bytes with the header's length, the header in JSON, the numbers.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import struct
from typing import BinaryIO

import ml_dtypes
import numpy as np

from tfseg.checkpoints.source import DamageError, ReadingError, Source

LONGEST = 100_000_000  # most bytes of a header, as in the official library

_KINDS = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8,
    "BOOL": np.bool_,
}  # fmt: skip


def header_length(first: bytes, size: int) -> int | None:
    """The header's length, from the `first` nine bytes; None if it is not a safetensors file."""
    if len(first) < 9 or first[8:9] != b"{":
        return None
    (length,) = struct.unpack("<Q", first[:8])
    return length if length <= min(LONGEST, size - 8) else None


def read_safetensors(file: BinaryIO) -> dict[str, np.ndarray]:
    """The tensors of a file, key -> array. Raises `ReadingError`."""
    source = Source(file)
    length = header_length(source.at(0, 9), source.size)
    if length is None:
        raise DamageError("its header is longer than the file")
    try:
        header = json.loads(source.at(8, length))
    except (ValueError, RecursionError) as error:
        raise DamageError(f"its header is not JSON: {error}") from None
    header.pop("__metadata__", None)
    entries = {key: _entry(key, entry) for key, entry in header.items()}
    end = 0
    for key, (_, _, start, stop) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if start != end:
            raise DamageError(f"the numbers of {key} do not follow those before them")
        end = stop
    if 8 + length + end != source.size:
        raise DamageError("its header does not match its length; it may be truncated")
    return {
        key: source.array(8 + length + start, shape, dtype)
        for key, (dtype, shape, start, _) in entries.items()
    }


def _entry(key, entry):
    """(dtype, shape, start, stop) of a tensor, checked against each other."""
    kind, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if kind not in _KINDS:
        raise ReadingError(f"{key} holds numbers of type {kind}; give plain floats")
    dtype, count = np.dtype(_KINDS[kind]), 1
    for side in shape:
        count *= side
    if {type(number) for number in (*shape, start, stop)} > {int} or min((*shape, start)) < 0:
        raise DamageError(f"{key} has an invalid shape or position")
    if stop - start != count * dtype.itemsize:
        raise DamageError(f"{key} of shape {shape} does not match its size in bytes")
    return dtype, shape, start, stop
