"""LMDB environments, one per split, with the same examples as the TFRecord shards.

The examples' CRC32C (`CHECKSUMS`: four bytes each, then four for the checksums themselves) and
the metadata have their own keys, so an example's value is exactly what TFDS serializes.
"""

import errno
import hashlib
import itertools
import json
import os
import shutil
import struct
from contextlib import contextmanager
from pathlib import Path

import lmdb

from tfseg.errors import UserError
from tfseg.records.checksums import masked_crc, sealed
from tfseg.records.lmdb_pages import Pages
from tfseg.records.metadata import MEND, parse_metadata
from tfseg.records.stored import read_example

# These sort after every example's key.
CHECKSUMS, METADATA = b"__checksums__", b"__metadata__"
BATCH = 32  # examples per transaction
LITTLE = 1 << 20  # free bytes below which a disk counts as full
NOTHING = (0, 0)  # place of an example on a damaged page


def key(index):
    return b"%08d" % index


def write_split(folder, examples):
    """Writes serialized examples into the environment `folder`; returns their `checksum`.

    Raises `OSError` if it cannot.
    """
    digest, crcs = hashlib.sha256(), bytearray()
    shutil.rmtree(folder, ignore_errors=True)  # left by a stopped conversion
    with _writing(folder, map_size=1 << 28, sync=False) as environment:
        items = ((key(index), value) for index, value in enumerate(examples))
        while batch := list(itertools.islice(items, BATCH)):
            _put(environment, batch)
            for _, value in batch:
                digest.update(value)
                crcs += struct.pack("<I", masked_crc(value))
        crcs += struct.pack("<I", masked_crc(bytes(crcs)))
        _put(environment, [(CHECKSUMS, bytes(crcs))])
        environment.sync(True)
    return digest.hexdigest()


def write_metadata(folder, splits, metadata):
    """Adds the metadata to every environment.

    An environment that has them from a stopped conversion stays untouched: another transaction
    would change its bytes. Raises `OSError` if it cannot write.
    """
    value = json.dumps(sealed(metadata)).encode()
    for split in splits:
        with _writing(folder / split, map_size=1 << 40) as environment:
            with environment.begin() as transaction:
                there = transaction.get(METADATA) == value
            if not there:
                _put(environment, [(METADATA, value)])


@contextmanager
def _writing(folder, **options):
    try:
        with lmdb.open(str(folder), lock=False, **options) as environment:
            yield environment
    except lmdb.Error as error:
        # liblmdb reports a short write, as on a full disk, as an I/O error.
        if shutil.disk_usage(folder).free < LITTLE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None
        raise OSError(None, str(error), str(folder)) from None


def _put(environment, items):
    """Writes one transaction; grows the map until it fits."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for name, value in items:
                    transaction.put(name, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])


def is_environment(folder):
    return (Path(folder) / "data.mdb").is_file()


def checksum(folder):
    """SHA-256 of an environment's examples in order. Raises `UserError`."""
    return Environment(folder, folder.name).checksum()


class Environment:
    """Random access to the examples of one environment.

    Args:
        folder: the environment.
        split: name of its split in messages.
        lenient: keep places for examples on damaged pages if the number of examples is known,
            so that only reading them fails.

    Raises:
        UserError: for damage that shows without reading the examples.
    """

    def __init__(self, folder, split, lenient=False):
        self._path, self.split = Path(folder) / "data.mdb", split
        self.paths = [self._path]
        pages, damage = Pages(self._path), []
        self._file = pages.file
        if not (pages.whole or lenient):  # clearer than the damaged page that would follow
            raise UserError(f"{self._path} is truncated; {MEND}")
        found = {name: (offset, length) for name, offset, length in pages.items(damage)}
        keys = len(found)
        self._metadata = found.pop(METADATA, None)
        self._crcs = self._read_crcs(found.pop(CHECKSUMS, None))
        if damage and not (lenient and self._crcs):
            raise UserError(f"{damage[0]}; {MEND}")
        self.faults = [(self._path, fault) for fault in damage]
        count = len(self._crcs or found)
        self.places = [found.pop(key(index), NOTHING) for index in range(count)]
        if found or (not damage and (NOTHING in self.places or keys != pages.entries)):
            raise UserError(f"{self._path} is damaged (its keys are not those of examples); {MEND}")
        if not count:
            raise UserError(f"{self._path} holds no examples; {MEND}")
        self.files = [0] * count  # file of each example: there is only one

    def _read_crcs(self, place):
        """The checksums of the examples; None if an earlier version wrote none."""
        if place is None:
            return None
        data = self._value(place, "checksums")
        if len(data) < 8 or len(data) % 4 or struct.pack("<I", masked_crc(data[:-4])) != data[-4:]:
            raise UserError(f"{self._path} is damaged (its checksums); {MEND}")
        return struct.unpack(f"<{len(data) // 4 - 1}I", data[:-4])

    def _value(self, place, what):
        return read_example(self._file, *place, None, f"{self._path}: {what}")

    def metadata(self):
        """The metadata that `write_metadata` wrote. Raises `UserError`."""
        if self._metadata is None:
            raise UserError(f"{self._path} holds no class names and colours; {MEND}")
        value = self._value(self._metadata, "metadata")
        return parse_metadata(value, f"the metadata in {self._path}")

    def __len__(self):
        return len(self.places)

    def read(self, index):
        if self.places[index] == NOTHING:
            raise UserError(f"{self.where(index)} is damaged (its page); {MEND}")
        crc = self._crcs[index] if self._crcs else None
        return read_example(self._file, *self.places[index], crc, self.where(index))

    def where(self, index):
        return f"{self._path}, example {index} of {self.split}"

    def checksum(self):
        """SHA-256 of the examples as stored, in order."""
        digest = hashlib.sha256()
        for index, place in enumerate(self.places):
            digest.update(read_example(self._file, *place, None, self.where(index)))
        return digest.hexdigest()
