"""Reads HDF5 in h5py's default form, which Keras writes: groups, names and arrays.

HDF5's own library hung on 5 of 3,000 files with flipped bits or swapped parts. This reader checks
that everything lies inside the file and visits every part once. It refuses compressed, chunked and
newer forms, which Keras does not write.

Source: the HDF5 File Format Specification, version 3.0, sections II to IV.
"""

import itertools
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from tfseg.checkpoints.source import DamageError, ReadingError, Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEEPEST = 20
_FLOATS = {2: (10, 5, 15), 4: (23, 8, 127), 8: (52, 11, 1023)}  # mantissa, exponent, bias
_DATASPACE, _DATATYPE, _LAYOUT, _FILTERS = 0x01, 0x03, 0x08, 0x0B
_ATTRIBUTE, _CONTINUATION, _GROUP = 0x0C, 0x10, 0x11
_NEWER = {0x02, 0x06, 0x07, 0x15}  # links in headers, external files, external attributes
OTHERWISE = (
    "its HDF5 layout is not the one that Keras writes; load it with the program that made it and "
    "save it again with Keras' save_weights"
)


@dataclass
class Contents:
    """The content of an HDF5 file.

    Attributes:
        arrays: path of a dataset, for example "layers/conv2d/vars/0" -> array.
        attributes: path of a group or dataset, "" for the root -> {name: text or array}.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, dict] = field(default_factory=dict)


def read_hdf5(file: BinaryIO) -> Contents:
    """The content of an HDF5 file. Raises `ReadingError` if it is damaged or laid out otherwise."""
    reader = _Reader(Source(file))
    try:
        reader.walk(reader.root(), "")
        reader.check_parts()
    except ReadingError:
        raise
    except (struct.error, ValueError) as error:
        raise DamageError(f"its structure is damaged ({error})") from None
    return reader.contents


class _Reader:
    def __init__(self, source):
        self.source, self.contents, self.heaps, self.claimed = source, Contents(), {}, 0
        self.seen, self.parts = set(), []

    def at(self, address, count):
        self.parts.append((address, address + count))
        return self.source.at(address, count)

    def check_parts(self):
        """Raises if two parts overlap: a wrong address usually points into another part."""
        parts = sorted(part for part in self.parts if part[0] < part[1])
        if any(end > start for (_, end), (start, _) in itertools.pairwise(parts)):
            raise DamageError("two of its parts overlap")

    def once(self, address):
        """Returns a part's address, which must be new; this rules out cycles."""
        if address in self.seen:
            raise DamageError("two of its parts overlap")
        self.seen.add(address)
        return address

    def root(self):
        """The address of the root group's header."""
        if self.at(0, 8) != SIGNATURE:
            raise DamageError("it does not begin like an HDF5 file")
        version, offsets, lengths = self.at(8, 1)[0], *self.at(13, 2)
        if version > 1 or (offsets, lengths) != (8, 8):
            raise ReadingError(OTHERWISE)
        base, _, end, _, _, root = struct.unpack("<6Q", self.at(24 + 4 * version, 48))
        if base or end > self.source.size:
            raise DamageError("it ends too early; it may be truncated")
        return root

    def walk(self, address, path, depth=0):
        messages = self.messages(self.once(address))
        attributes = [self.attribute(data) for kind, data in messages if kind == _ATTRIBUTE]
        if attributes:
            self.contents.attributes[path] = dict(attributes)
        parts = dict(messages)
        if depth > _DEEPEST:
            raise DamageError("its groups are nested too deeply")
        if _GROUP in parts:
            tree, heap = struct.unpack("<2Q", parts[_GROUP][:16])
            for name, child in self.links(tree, heap):
                self.walk(child, f"{path}/{name}" if path else name, depth + 1)
        elif {_DATASPACE, _DATATYPE, _LAYOUT} <= parts.keys() and _FILTERS not in parts:
            self.contents.arrays[path] = self.dataset(parts)
        else:
            raise ReadingError(OTHERWISE)

    def messages(self, address):
        """[(kind, bytes)] of an object header, version 1."""
        version, _, count, _, size = struct.unpack("<BBHII", self.at(address, 12))
        if version != 1:
            raise ReadingError(OTHERWISE)
        blocks, found = [(address + 16, size)], []
        for start, length in blocks:  # grows during the loop
            block, at = self.at(self.once(start), length), 0
            while at + 8 <= length and len(found) < count:
                kind, size, flags = struct.unpack_from("<HHB", block, at)
                data = block[at + 8 : at + 8 + size]
                if len(data) < size or flags & 2 or kind in _NEWER:
                    raise ReadingError(OTHERWISE)
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack("<2Q", data[:16]))
                found.append((kind, data))
                at += 8 + size
        if len(found) != count:
            raise DamageError("a header in it is shorter than it claims")
        return found

    def links(self, tree, heap):
        """(name, address of the header) of each child of a group."""
        signature, _, size, _, names = struct.unpack("<4s4sQQQ", self.at(self.once(heap), 32))
        if signature != b"HEAP":
            raise DamageError("a list of names in it is invalid")
        names = self.at(names, size)
        for offset, address, cached in self.nodes(tree):
            name = names[offset:].partition(b"\0")[0].decode()
            if cached > 1 or not name or "/" in name:
                raise ReadingError(OTHERWISE)  # a link by name
            yield name, address

    def nodes(self, address, depth=0):
        """(offset of the name, address, kind) of the entries below a tree node of a group."""
        head = self.at(self.once(address), 8)
        if head[:4] == b"SNOD":
            (count,) = struct.unpack("<H", head[6:])
            for at in range(count):
                yield struct.unpack("<2QI", self.at(address + 8 + 40 * at, 20))
        elif head[:5] == b"TREE\0" and depth < _DEEPEST:
            (count,) = struct.unpack("<H", head[6:])
            for at in range(count):  # key, child, key, child, ..., key
                (child,) = struct.unpack("<Q", self.at(address + 32 + 16 * at, 8))
                yield from self.nodes(child, depth + 1)
        else:
            raise DamageError("a group in it is invalid")

    def dataset(self, parts):
        dtype, shape, layout = _dtype(parts[_DATATYPE]), _shape(parts[_DATASPACE]), parts[_LAYOUT]
        if layout[:2] == b"\x03\x00":  # in the header
            (size,) = struct.unpack("<H", layout[2:4])
            return np.frombuffer(layout[4 : 4 + size], dtype).reshape(shape)
        if layout[:2] != b"\x03\x01":
            raise ReadingError("it is compressed or stored in chunks, which Keras does not do")
        address, size = struct.unpack("<2Q", layout[2:18])
        count = 1
        for side in shape:
            count *= side
        self.claimed += size
        if count * dtype.itemsize != size or self.claimed > self.source.size:
            raise DamageError(f"an array of shape {shape} claims more than the file holds")
        return np.frombuffer(self.at(address if size else 0, size), dtype).reshape(shape)

    def attribute(self, data):
        """(name, text or array)."""
        version, _, names, types, spaces = struct.unpack("<BBHHH", data[:8])
        at, step = (9, 1) if version == 3 else (8, 8 if version == 1 else 1)
        if version not in (1, 2, 3):
            raise ReadingError(OTHERWISE)
        parts = []
        for size in (names, types, spaces):
            parts.append(data[at : at + size])
            at += -(-size // step) * step
        name, shape = parts[0].partition(b"\0")[0].decode(), _shape(parts[2])
        if parts[1][0] & 15 == 9:  # variable length: stored in a heap
            return name, self.text(data[at : at + 16]) if shape == () else None
        dtype, count = _dtype(parts[1]), 1
        for side in shape:
            count *= side
        value = np.frombuffer(data[at : at + count * dtype.itemsize], dtype).reshape(shape)
        return name, value.item().decode() if dtype.kind == "S" and shape == () else value

    def text(self, reference):
        length, heap, index = struct.unpack("<IQI", reference)
        if heap not in self.heaps:
            self.heaps[heap] = self.texts(self.once(heap))
        if index not in self.heaps[heap]:
            raise DamageError("a text in it is missing")
        return self.heaps[heap][index][:length].decode()

    def texts(self, address):
        """{index: bytes} of a global heap's collection."""
        signature, size = struct.unpack("<4s4xQ", self.at(address, 16))
        if signature != b"GCOL":
            raise DamageError("a list of texts in it is invalid")
        block, at, found = self.at(address + 16, size - 16), 0, {}
        while at + 16 <= len(block):
            index, used = struct.unpack_from("<H6xQ", block, at)
            if index == 0:  # the rest is free
                break
            found[index] = block[at + 16 : at + 16 + used]
            at += 16 + -(-used // 8) * 8
        return found


def _shape(data):
    version, rank, flags = struct.unpack("<BBB", data[:3])
    if version not in (1, 2) or (version == 2 and data[3] == 2):
        raise ReadingError(OTHERWISE)
    start = 8 if version == 1 else 4
    if len(data) < start + 8 * rank or rank > 32 or flags > 1:
        raise DamageError("a shape in it is invalid")
    return struct.unpack(f"<{rank}Q", data[start : start + 8 * rank])


def _dtype(data):
    (bits, size), kind = struct.unpack("<II", data[:8]), data[0] & 15
    flags = bits >> 8
    if kind == 0 and size in (1, 2, 4, 8) and not flags & 1:
        if struct.unpack("<HH", data[8:12]) == (0, 8 * size):
            return np.dtype(f"<{'i' if flags & 8 else 'u'}{size}")
    elif kind == 1 and size in _FLOATS and not flags & 0x41:
        mantissa, exponent, bias = _FLOATS[size]
        wanted = (0, 8 * size, mantissa, exponent, 0, mantissa, bias)
        if struct.unpack("<HHBBBBI", data[8:20]) == wanted and flags >> 8 == 8 * size - 1:
            return np.dtype(f"<f{size}")
    elif kind == 3 and size:
        return np.dtype(f"S{size}")
    elif kind == 8 and size == 1:
        return np.dtype("?")
    raise DamageError("it holds a number type that Keras does not write")
