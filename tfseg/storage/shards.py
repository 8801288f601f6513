"""Remote shards of records: fetched when first read, or read by ranges.

If the cache has no room for a shard, it is scanned once to find its examples, and then read
example by example.
"""

import fcntl
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tfseg.addresses import address_of
from tfseg.datasets.files import open_regular
from tfseg.errors import UserError
from tfseg.storage import cache, remote
from tfseg.storage.mirror import AWAY, download
from tfseg.storage.remote import Stored

BLOCK = 4 << 20  # bytes that a scan for examples reads at once


class Ranged:
    """A file at an address, read by ranges; `size` in bytes."""

    def __init__(self, address: str, size: int) -> None:
        self.address, self.size = address, size
        self._start, self._block = 0, b""
        self._lock = threading.Lock()

    def read_at(self, length: int, offset: int) -> bytes:
        """`length` bytes at `offset`, or fewer at the end of the file."""
        end = min(offset + length, self.size)
        return remote.read_range(self.address, offset, end) if end > offset else b""

    def scan_at(self, length: int, offset: int) -> bytes:
        """As `read_at`, for many short reads in ascending order."""
        with self._lock:
            first = offset - self._start
            if first < 0 or first + length > len(self._block):
                self._start, first = offset, 0
                self._block = self.read_at(max(BLOCK, length), offset)
            return self._block[first : first + length]

    def end_scan(self) -> None:
        self._block = b""


def is_away(path: Path) -> bool:
    """Whether a shard is only at its address so far."""
    return path in AWAY


def open_shard(path: Path) -> BinaryIO | Ranged:
    """Opens a shard for reading; a remote one is fetched, or read by ranges.

    The cache does not drop it while it is open. Raises `UserError`.
    """
    stored = AWAY.get(path)
    if stored:
        address = address_of(path)
        if not cache.make_room({path: stored.size}):
            _check(address, stored)
            return Ranged(address, stored.size)
        try:
            download(path, stored)
        finally:
            cache.release([path])
        _check(address, stored)
        AWAY.pop(path, None)
    file = open_regular(path)
    if address_of(path):
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file


def _check(address: str, wanted: Stored) -> None:
    """Raises `UserError` if a shard has changed since its data set was opened."""
    if remote.stored(address) != wanted:
        raise UserError(f"{address} was changed since its data set was opened; start again")
