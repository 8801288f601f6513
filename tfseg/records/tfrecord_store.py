"""TFRecord shards in a directory that TFDS can open."""

import json
import os
import struct
import threading
from bisect import bisect_right
from functools import partial
from itertools import accumulate

from tfseg import storage
from tfseg.datasets.files import read_bytes
from tfseg.errors import UserError
from tfseg.records.checksums import file_checksum, masked_crc, sealed
from tfseg.records.metadata import MEND, parse_metadata, parse_splits
from tfseg.records.stored import read_at, read_example
from tfseg.records.tfds_files import dataset_info, features
from tfseg.storage import Ranged

VERSION = "1.0.0"
SHARD_BYTES = 128 << 20
DESCRIBED = ("dataset_info.json", "features.json")  # TFDS reads these


def shard_path(folder, name, split, shard, shards):
    return folder / f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"


def write_shard(path, examples):
    """Writes serialized examples into the file `path`; returns its `file_checksum`.

    Raises `OSError` if it cannot.
    """
    import tensorflow as tf

    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for serialized in examples:
                writer.write(serialized)
    except tf.errors.OpError as error:
        raise OSError(None, error.message, str(path)) from None
    return file_checksum(path)


def write_metadata(folder, spec, splits, metadata):
    """Makes the folder a TFDS data directory: features, splits, classes and colours.

    `splits` is {name: (examples of each shard, total bytes)}.
    """
    (folder / "dataset_info.json").write_text(dataset_info(spec.name, VERSION, spec.title, splits))
    (folder / "features.json").write_text(features(metadata["encoding"], metadata["instances"]))
    checksums = {name: file_checksum(folder / name) for name in DESCRIBED}
    metadata = {**metadata, "checksums": {**metadata["checksums"], **checksums}}
    # `builder.info.metadata` reads this file.
    (folder / "metadata.json").write_text(json.dumps(sealed(metadata), indent=2) + "\n")


def read_metadata(folder):
    """The metadata that `write_metadata` wrote. Raises `UserError`."""
    path = folder / "metadata.json"
    return parse_metadata(read_bytes(path), str(path))


def is_data_set(folder):
    return (folder / "dataset_info.json").is_file() and (folder / "metadata.json").is_file()


def open_splits(folder, metadata, lenient=False):
    """{split: `Shards`} of a data set. Raises `UserError`."""
    path = folder / "dataset_info.json"
    name, splits = parse_splits(read_bytes(path), str(path))
    if splits.keys() != metadata["sizes"].keys():
        raise UserError(
            f"{path} has the splits {', '.join(splits)}, but metadata.json "
            f"{', '.join(metadata['sizes'])}; {MEND}"
        )
    return {
        split: Shards(
            [shard_path(folder, name, split, i, len(lengths)) for i in range(len(lengths))],
            lengths,
            split,
            lenient,
        )
        for split, lengths in ((split, splits[split]) for split in metadata["sizes"])
    }


class Shards:
    """Random access to one split's examples, whose offsets are read once from their headers.

    A remote shard is opened when one of its examples is first read.

    Args:
        paths: its files.
        lengths: the number of examples in each file.
        split: its name in messages.
        lenient: keep places for examples after a damaged header, so that only reading them
            fails.

    Raises:
        UserError: for damage that shows without reading the examples.
    """

    def __init__(self, paths, lengths, split, lenient=False):
        self.paths, self.split = paths, split
        self._lengths, self._lenient = lengths, lenient
        self._starts = list(accumulate(lengths, initial=0))
        self.files = [shard for shard, n in enumerate(lengths) for _ in range(n)]
        self.faults = []  # (file, damage that ends its examples early)
        # {shard: (its open file, places of its examples)}; files stay open with this object
        self._opened, self._locks = {}, [threading.Lock() for _ in paths]
        for shard, path in enumerate(paths):
            if not storage.is_away(path):
                self._open(shard)

    def _open(self, shard):
        """(file, [(offset, length)] of its examples); length is None after damage."""
        with self._locks[shard]:
            if shard not in self._opened:
                file = storage.open_shard(self.paths[shard])
                self._opened[shard] = file, self._checked_places(shard, file)
            return self._opened[shard]

    def _checked_places(self, shard, file):
        path, length, end = self.paths[shard], self._lengths[shard], _size(file)
        found, damage = _places(file, end)
        if not damage and len(found) != length:
            damage = f"holds {len(found)} examples, not {length}"
        if damage and not (self._lenient and len(found) <= length):
            raise UserError(f"{path} {damage}; {MEND}")
        if damage:
            self.faults.append((path, damage))
            found += [(end, None)] * (length - len(found))
        return found

    def __len__(self):
        return len(self.files)

    def _place(self, index):
        """(shard, file, offset, length) of an example."""
        shard = bisect_right(self._starts, index) - 1
        file, places = self._open(shard)
        return shard, file, *places[index - self._starts[shard]]

    def read(self, index):
        _, file, offset, length = self._place(index)
        where = self.where(index)
        if length is None:
            raise UserError(f"{where} is damaged (a header before it, or the file's end); {MEND}")
        crc = read_example(file, offset + length, 4, None, where)
        return read_example(file, offset, length, int.from_bytes(crc, "little"), where)

    def where(self, index):
        shard, _, offset, _ = self._place(index)
        return f"{self.paths[shard]}, example {index} of {self.split} (byte {offset})"


def _size(file):
    return file.size if isinstance(file, Ranged) else os.fstat(file.fileno()).st_size


def _places(file, end):
    """[(offset, length)] of a shard's examples, and the damage that ends them early or None.

    A record is: length, CRC of the length, bytes, CRC of the bytes.
    """
    found, offset = [], 0
    look = file.scan_at if isinstance(file, Ranged) else partial(read_at, file)
    while offset < end:
        try:
            header = look(12, offset)
        except OSError as error:
            return found, f"cannot be read: {error.strerror}"
        if len(header) < 12:
            return found, f"is truncated at byte {offset}"
        length, crc = struct.unpack("<QI", header)
        if masked_crc(header[:8]) != crc:
            return found, f"is damaged at byte {offset} (the checksum of a length is off)"
        if offset + 16 + length > end:
            return found, f"is truncated at byte {offset}"
        found.append((offset + 12, length))
        offset += 16 + length
    return found, None
