"""TFRecord shards in a directory that TFDS opens."""

import hashlib
import json
import os
import struct

from tfseg.errors import UserError

VERSION = "1.0.0"
SHARD_BYTES = 128 << 20


def shard_path(folder, name, split, shard, shards):
    return folder / f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"


def write_shard(path, examples):
    """Writes serialized examples into the file `path`; returns its `checksum`.

    Raises `OSError` where it cannot.
    """
    import tensorflow as tf

    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for serialized in examples:
                writer.write(serialized)
    except tf.errors.OpError as error:
        raise OSError(None, error.message, str(path)) from None
    return checksum(path)


def checksum(path):
    """SHA-256 of a shard, as `sha256sum` prints it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_metadata(folder, spec, splits, metadata):
    """Makes the folder a TFDS data directory: features, splits, classes and colours.

    `splits` are, by name, the number of examples of each shard and the bytes of all.
    """
    import tensorflow_datasets as tfds

    from tfseg.records.example import features

    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=features(metadata["encoding"], metadata["instances"]),
        split_infos=[
            tfds.core.SplitInfo(name=name, shard_lengths=lengths, num_bytes=size)
            for name, (lengths, size) in splits.items()
        ],
        version=VERSION,
        description=spec.title,
        check_data=False,
    )
    # Where `builder.info.metadata` reads from.
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")


def read_metadata(folder):
    return _read_json(folder / "metadata.json")


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}; convert again") from None


def is_data_set(folder):
    return (folder / "dataset_info.json").is_file() and (folder / "metadata.json").is_file()


class Shards:
    """Random access to one split's examples: where each one lies is read once, from its header."""

    def __init__(self, folder, split):
        info = _read_json(folder / "dataset_info.json")
        lengths = {s["name"]: [int(n) for n in s["shardLengths"]] for s in info["splits"]}[split]
        self.places = []  # (shard, offset, length) of every example
        self.paths = [
            shard_path(folder, info["name"], split, shard, len(lengths))
            for shard in range(len(lengths))
        ]
        for shard, (path, length) in enumerate(zip(self.paths, lengths, strict=True)):
            found = [(shard, *place) for place in _places(path)]
            if len(found) != length:
                raise UserError(f"{path} holds {len(found)} examples, not {length}; convert again")
            self.places += found
        self.files = [shard for shard, _, _ in self.places]  # that each example lies in
        # Open for as long as this object lives.
        self._open = [open(path, "rb") for path in self.paths]  # noqa: SIM115

    def __len__(self):
        return len(self.places)

    def read(self, index):
        shard, offset, length = self.places[index]
        return os.pread(self._open[shard].fileno(), length, offset)

    def where(self, index):
        shard, offset, _ = self.places[index]
        first = next(i for i, place in enumerate(self.places) if place[0] == shard)
        return f"{self.paths[shard]}, example {index - first} (byte {offset})"


def _places(path):
    """(offset, length) of every example of a shard; a record is length, CRC, bytes, CRC."""
    try:
        end = path.stat().st_size
        with open(path, "rb") as file:
            offset = 0
            while offset < end:
                file.seek(offset)
                header = file.read(8)
                length = struct.unpack("<Q", header)[0] if len(header) == 8 else end
                if offset + 16 + length > end:
                    raise UserError(f"{path} is truncated at byte {offset}; convert again")
                yield offset + 12, length
                offset += 16 + length
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; convert again") from None
