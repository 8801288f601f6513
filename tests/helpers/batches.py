"""Takes and compares batches."""

import numpy as np


def take(dataset, count):
    return [(image.numpy(), label.numpy()) for image, label in dataset.take(count)]


def assert_equal_batches(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine[0], other[0])
        np.testing.assert_array_equal(mine[1], other[1])
