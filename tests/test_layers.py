"""Pooling with indices, unpooling, bins, shuffling and resizing, compared with plain NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfseg.layers.pooling import (
    BinAverage,
    HalvingMaxPool,
    MaxPoolWithIndices,
    MaxUnpool,
    PixelShuffle,
)
from tfseg.layers.resize import FitLike, ResizeLike, _resize


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_pooling_keeps_the_first_of_equal_ones():
    """As TensorFlow's argmax kernel, on values with many ties."""
    x = np.maximum(noise(2, 8, 10, 5).round(), 0)
    maxima, indices = MaxPoolWithIndices()(x)
    wanted, flat = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
    np.testing.assert_array_equal(maxima, wanted)
    row, column = np.divmod(np.asarray(flat) // 5, 10)
    np.testing.assert_array_equal(indices, row % 2 * 2 + column % 2)


@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("size", [(8, 6), (7, 9), (5, 8)])
@pytest.mark.parametrize("known", [True, False])
def test_unpooling_puts_maxima_back(ceil, size, known):
    x = noise(2, *size, 3) - 10  # below zero: padding must never win

    def both(x):
        maxima, indices = MaxPoolWithIndices(ceil=ceil)(x)
        return maxima, FitLike(short=1)(MaxUnpool()(maxima, indices), x)

    signature = tf.TensorSpec(x.shape if known else (None, None, None, 3))
    maxima, back = tf.function(both, input_signature=[signature])(x)
    wanted = tf.nn.max_pool2d(x, 2, 2, "SAME" if ceil else "VALID")
    np.testing.assert_array_equal(maxima, wanted)
    assert back.shape == x.shape
    there = np.asarray(back) != 0
    np.testing.assert_array_equal(np.asarray(back)[there], x[there])
    assert there.sum() == wanted.numpy().size


def test_the_gradient_goes_to_the_maximum_alone():
    x = tf.constant(np.zeros((1, 2, 2, 1), "float32"))  # all equal
    with tf.GradientTape() as tape:
        tape.watch(x)
        maxima, indices = MaxPoolWithIndices()(x)
        loss = tf.reduce_sum(MaxUnpool()(3 * maxima, indices))
    np.testing.assert_array_equal(tape.gradient(loss, x)[0, ..., 0], [[3, 0], [0, 0]])


@pytest.mark.parametrize("known", [True, False])
def test_halving_never_leaves_nothing(known):
    def halved(*size):
        x = noise(2, *size, 3) - 10  # below zero: padding must never win
        signature = tf.TensorSpec(x.shape if known else (None, None, None, 3))
        return x, np.asarray(tf.function(HalvingMaxPool(), input_signature=[signature])(x))

    for size in ((8, 6), (7, 9), (2, 3)):
        x, got = halved(*size)
        np.testing.assert_array_equal(got, tf.nn.max_pool2d(x, 2, 2, "VALID"))
    for size, seen in (((1, 1), 1), ((1, 5), 4)):
        x, got = halved(*size)
        wanted = x[:, :, :seen].reshape(2, 1, -1, min(2, seen), 3).max(3)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("size", [(12, 12), (7, 10), (5, 3)])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_bins_overlap_as_in_pytorch(size, bins):
    x, (height, width) = noise(1, *size, 4), size
    wanted = [
        [
            x[:, i * height // bins : -(-(i + 1) * height // bins),
              j * width // bins : -(-(j + 1) * width // bins)].mean((1, 2))
            for j in range(bins)
        ]
        for i in range(bins)
    ]  # fmt: skip
    got = np.asarray(BinAverage(bins)(x)).transpose(1, 2, 0, 3)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_pixel_shuffle_counts_classes_first():
    x = noise(1, 2, 3, 8)  # two classes, factor 2
    got = np.asarray(PixelShuffle(2)(x))
    assert got.shape == (1, 4, 6, 2)
    for row, column, label in np.ndindex(4, 6, 2):
        channel = label * 4 + row % 2 * 2 + column % 2
        assert got[0, row, column, label] == x[0, row // 2, column // 2, channel]


@pytest.mark.parametrize("mode", ["bilinear", "aligned", "nearest"])
@pytest.mark.parametrize("size", [(9, 14), (3, 4), (1, 1), (11, 5)])
def test_resizing_is_the_same_in_plain_keras(mode, size):
    """Compares TensorFlow's kernel with the form for other backends."""
    x, like = noise(2, 5, 7, 3), np.zeros((2, *size, 1), "float32")
    kernel = ResizeLike(mode)(x, like)
    np.testing.assert_allclose(kernel, _resize(tf.constant(x), size, mode), atol=1e-5)


def test_aligned_corners_stay():
    x = noise(1, 4, 5, 2)
    grown = np.asarray(ResizeLike("aligned")(x, np.zeros((1, 10, 13, 1), "float32")))
    np.testing.assert_allclose(grown[:, ::9, ::12], x[:, ::3, ::4], atol=1e-6)
    np.testing.assert_allclose(grown[0, 3, 6], x[0, 1, 2], atol=1e-6)  # 3 = 1·9/3, 6 = 2·12/4
