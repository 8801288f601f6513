"""TFRecord shards in a directory that TFDS opens."""

import json
import os
import struct

from tfseg.errors import UserError

VERSION = "1.0.0"
SHARD_BYTES = 128 << 20


def write_split(folder, name, split, examples, count, size):
    """Writes `count` examples, about `size` bytes, in shards; returns their SplitInfo."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    shards = max(1, min(count, round(size / SHARD_BYTES)))
    lengths = [(i + 1) * count // shards - i * count // shards for i in range(shards)]
    written = 0
    for shard, length in enumerate(lengths):
        path = folder / f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for _ in range(length):
                serialized = next(examples)
                writer.write(serialized)
                written += len(serialized)
    return tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=written)


def write_metadata(folder, spec, split_infos, metadata):
    """Makes the folder a TFDS data directory: features, splits, classes and colours."""
    import tensorflow_datasets as tfds

    from tfseg.records.example import features

    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=features(metadata["encoding"]),
        split_infos=split_infos,
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
            folder / f"{info['name']}-{split}.tfrecord-{i:05d}-of-{len(lengths):05d}"
            for i in range(len(lengths))
        ]
        for shard, (path, length) in enumerate(zip(self.paths, lengths, strict=True)):
            found = [(shard, *place) for place in _places(path)]
            if len(found) != length:
                raise UserError(f"{path} holds {len(found)} examples, not {length}; convert again")
            self.places += found
        # Open for as long as this object lives.
        self.files = [open(path, "rb") for path in self.paths]  # noqa: SIM115

    def __len__(self):
        return len(self.places)

    def read(self, index):
        shard, offset, length = self.places[index]
        return os.pread(self.files[shard].fileno(), length, offset)

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
