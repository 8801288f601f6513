"""Counts how often each class occurs in a split."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tfseg.labels import VOID


def _zeros():
    return np.zeros(256, np.int64)


@dataclass
class Histogram:
    """Pixels of each label value, and of all images that contain it, both int64 (256,)."""

    pixels: np.ndarray = field(default_factory=_zeros)
    present: np.ndarray = field(default_factory=_zeros)

    def add(self, counts):
        """Adds one label, given as its pixel counts per value (256,)."""
        self.pixels += counts
        self.present += (counts > 0) * int(counts.sum())

    @property
    def void(self):
        return int(self.pixels[VOID])


def class_histogram(split) -> Histogram:
    """Counts the labels of a split, in one pass that decodes no image."""
    found = Histogram()
    for counts in label_counts(split):
        found.add(counts)
    return found


def label_counts(split) -> Iterator[np.ndarray]:
    """Yields each example's pixel counts per label value (256,), in order."""
    import tensorflow as tf  # here, because the doctor's processes count without it

    from tfseg.records.corrupt import naming_corrupt
    from tfseg.records.example import decode

    def count(index):
        serialized = tf.numpy_function(split.read, [index], tf.string, stateful=False)
        label = decode(serialized, split.info.encoding)[1]
        return tf.math.bincount(tf.cast(tf.reshape(label, (-1,)), tf.int32), minlength=256)

    counts = tf.data.Dataset.range(len(split)).map(count, tf.data.AUTOTUNE)
    with naming_corrupt(split):
        yield from counts.as_numpy_iterator()
