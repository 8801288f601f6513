"""Reads examples of raw pixels without TensorFlow ops."""

import numpy as np
import tensorflow as tf


class RawPixels:
    """The frames of a split with the encoding "raw": a sequence of (image, label) arrays.

    The arrays are read-only: image uint8 (H, W, 3), label uint8 (H, W).
    """

    def __init__(self, split):
        self.split = split

    def __getitem__(self, index):
        features = tf.train.Example.FromString(self.split.read(index)).features.feature
        image, label = (_array(features, name) for name in ("image", "label"))
        return image, label[..., 0]


def _array(features, name):
    (pixels,) = features[f"{name}/value"].bytes_list.value
    return np.frombuffer(pixels, np.uint8).reshape(features[f"{name}/shape"].int64_list.value)
