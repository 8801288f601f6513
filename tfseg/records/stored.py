"""Reads one example's bytes from an opened file and checks them."""

import os
from typing import BinaryIO

from tfseg.errors import UserError
from tfseg.records.checksums import masked_crc
from tfseg.records.metadata import MEND
from tfseg.storage import Ranged


def read_example(
    file: BinaryIO | Ranged, offset: int, length: int, crc: int | None, where: str
) -> bytes:
    """The `length` bytes at `offset`; `crc` is their checksum, None if unknown.

    Raises `UserError`, naming `where`, if the bytes differ.
    """
    try:
        data = read_at(file, length, offset)
    except (OSError, OverflowError, MemoryError) as error:
        raise UserError(f"{where} cannot be read: {error}; {MEND}") from None
    if len(data) < length:
        raise UserError(f"{where} is damaged (the file is truncated); {MEND}")
    if crc is not None and masked_crc(data) != crc:
        raise UserError(f"{where} is damaged (its checksum is off); {MEND}")
    return data


def read_at(file: BinaryIO | Ranged, length: int, offset: int) -> bytes:
    """`length` bytes at `offset`, or fewer at the end of the file. Raises `OSError`."""
    if isinstance(file, Ranged):
        return file.read_at(length, offset)
    return os.pread(file.fileno(), length, offset)
