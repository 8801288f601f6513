"""Reads the pages of an LMDB environment and checks each before use.

liblmdb reads through a memory map and trusts the content: a flipped bit or a truncated file kills
the process by a signal. So we use it only to write. The format is LMDB 0.9 (`MDB_meta`,
`MDB_page`, `MDB_node` in mdb.c) as 64-bit little-endian machines write it: a tree of pages, with
long values on overflow pages.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from tfseg.datasets.files import open_regular
from tfseg.errors import UserError

_HEADER = struct.Struct("<QHHHH")  # number, padding, kind, end of the offsets, start of the nodes
_META = struct.Struct("<IIQQ IHHQQQQQ IHHQQQQQ QQ")
_NODE = struct.Struct("<HHHH")  # length of the data or page, low and high; flags; length of the key
_MAGIC, _FORMAT = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _META_PAGE = 1, 2, 8  # kinds
_LONG = 1  # flag of a node with its data on overflow pages
DEEPEST = 32


class DamagedError(ValueError):
    """The fault of a page."""


class Pages:
    """An opened environment in the state of its last complete transaction.

    Attributes:
        file: the opened `data.mdb`.
        path: its path.
        entries: the number of its keys.

    Raises:
        UserError: if the file is not an LMDB environment.
    """

    def __init__(self, path: Path):
        self.path, self.file = path, open_regular(path)
        self._bytes = os.fstat(self.file.fileno()).st_size
        try:
            self._size, first = self._meta(0)
            _, second = self._meta(self._size)
        except (DamagedError, OSError, struct.error) as error:
            raise UserError(
                f"{path.parent} is not a readable LMDB environment: {error}; convert again"
            ) from None
        root, last, self.entries, _ = max(first, second, key=lambda meta: meta[-1])
        self._root, self._last = root, last
        self.whole = (last + 1) * self._size <= self._bytes
        self._seen = set()  # page numbers, to stop at a page that points back

    def _meta(self, offset):
        """(page size, (root, last page, entries, transaction)) of one of the two meta pages."""
        page = os.pread(self.file.fileno(), _HEADER.size + _META.size, offset)
        kind = _HEADER.unpack_from(page)[2]
        fields = _META.unpack_from(page, _HEADER.size)
        size, main = fields[4], fields[12:20]  # main: padding, flags, depth, ..., entries, root
        if fields[:2] != (_MAGIC, _FORMAT) or not kind & _META_PAGE:
            raise DamagedError("its head is damaged or of another format")
        if size not in (1 << bits for bits in range(9, 17)):
            raise DamagedError(f"its pages have {size} bytes")
        if main[1]:
            raise DamagedError("its keys are of another kind")
        return size, (main[7], fields[20], main[6], fields[21])

    def items(self, damaged: list[str]) -> Iterator[tuple[bytes, int, int]]:
        """Yields (key, offset, length) of every value, in order; adds faults to `damaged`."""
        self._seen.clear()
        yield from self._items(self._root, 0, damaged) if self.entries else ()

    def _items(self, number, depth, damaged):
        try:
            kind, nodes = self._nodes(number, depth)
        except (DamagedError, OSError, struct.error) as error:
            damaged.append(f"{self.path} is damaged (page {number}: {error})")
            return
        for node in nodes:
            if kind == _LEAF:
                yield node
            else:
                yield from self._items(node, depth + 1, damaged)

    def _nodes(self, number, depth):
        """(kind, nodes) of a page: the children of a branch or the values of a leaf."""
        if depth > DEEPEST or number > self._last or number in self._seen:
            raise DamagedError("it lies outside of the tree")
        self._seen.add(number)
        page = os.pread(self.file.fileno(), self._size, number * self._size)
        if len(page) < self._size:
            raise DamagedError("the file is truncated")
        own, _, kind, lower, upper = _HEADER.unpack_from(page)
        count, odd = divmod(lower - _HEADER.size, 2)
        if own != number or kind not in (_BRANCH, _LEAF) or count < 1 or odd or lower > upper:
            raise DamagedError("it is not part of the tree")
        places = struct.unpack_from(f"<{count}H", page, _HEADER.size)
        read = self._value if kind == _LEAF else self._child
        return kind, [read(page, number, place) for place in places]

    def _child(self, page, number, place):
        low, high, flags, _ = _NODE.unpack_from(page, place)
        return low | high << 16 | flags << 32

    def _value(self, page, number, place):
        low, high, flags, key_length = _NODE.unpack_from(page, place)
        start, length = place + _NODE.size + key_length, low | high << 16
        key, offset = page[place + _NODE.size : start], number * self._size + start
        end = start + length
        if flags == _LONG:
            end = start + 8
            (first,) = struct.unpack_from("<Q", page, start)
            offset = first * self._size + _HEADER.size
            if offset + length > (self._last + 1) * self._size:
                raise DamagedError("a value ends outside of the file")
        if flags not in (0, _LONG) or end > self._size:
            raise DamagedError("a value does not fit")
        return key, offset, length
