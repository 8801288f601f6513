"""How often each class occurs in a split."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfseg.records.corrupt import naming_corrupt
from tfseg.records.example import decode


@dataclass(frozen=True)
class Histogram:
    """Pixels of each class (K,), of void, and of the images that contain each class (K,)."""

    pixels: np.ndarray
    void: int
    present: np.ndarray


def class_histogram(split):
    """Counts the labels of a split, in one pass that decodes no image."""

    def count(index):
        serialized = tf.numpy_function(split.read, [index], tf.string, stateful=False)
        label = decode(serialized, split.info.encoding)[1]
        return tf.math.bincount(tf.cast(tf.reshape(label, (-1,)), tf.int32), minlength=256)

    counts = tf.data.Dataset.range(len(split)).map(count, tf.data.AUTOTUNE)
    pixels, present = np.zeros(256, np.int64), np.zeros(256, np.int64)
    with naming_corrupt(split):
        for image in counts.as_numpy_iterator():
            pixels += image
            present += (image > 0) * int(image.sum())
    classes = len(split.info.classes)
    return Histogram(pixels[:classes], int(pixels[split.info.void]), present[:classes])
