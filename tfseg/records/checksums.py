"""Checksums of records: CRC32C of examples, SHA-256 of files and of JSON values."""

import hashlib
import json
from pathlib import Path
from typing import Any

import google_crc32c

from tfseg.datasets.files import open_regular
from tfseg.errors import UserError

SEAL = "checksum"  # the key that holds the checksum of all others


def masked_crc(data: bytes) -> int:
    """CRC32C as TFRecord stores it: rotated by 15 bits, plus a constant.

    The format masks it because a CRC of bytes that contain a CRC is weak.
    """
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, as `sha256sum` prints it. Raises `UserError` if it cannot be read."""
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}; replace the file") from None


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """The values for JSON, with their checksum added."""
    return {**values, SEAL: _digest(values)}


def seal_holds(values: dict[str, Any]) -> bool:
    """Whether values from JSON still match their checksum."""
    rest = {key: value for key, value in values.items() if key != SEAL}
    return values.get(SEAL) == _digest(rest)


def _digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
