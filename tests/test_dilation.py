"""Dilated convolutions learn on every processor, by TensorFlow's kernel or by our gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg.layers import dilation
from tfseg.layers.dilation import DilatedConv2D, gradients, kernel_has_gradients


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "rate"), [((3, 3), 2), ((3, 3), 5), ((5, 1), 2), ((2, 4), 3)])
def test_gradients_are_those_of_keras_own_way(kernel, rate, padding):
    x, kernel = tf.constant(noise(2, 19, 23, 3)), tf.constant(noise(*kernel, 3, 4))
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = keras.ops.conv(x, kernel, 1, padding, dilation_rate=rate)
        dy = tf.constant(noise(*y.shape))
        total = tf.reduce_sum(y * dy)
    wanted = tape.gradient(total, [x, kernel])
    found = gradients(x, kernel, dy, (rate, rate), padding == "same")
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_layer_learns_inside_a_compiled_step(known, policy, monkeypatch):
    if not known:
        monkeypatch.setattr(dilation, "kernel_has_gradients", lambda: False)
    elif not kernel_has_gradients():
        pytest.skip("TensorFlow's kernel has no gradients on this processor")
    layer = DilatedConv2D(4, 3, dilation_rate=2, padding="same", dtype=policy)
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    before = np.asarray(layer.kernel)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(noise(2, 9, 11, 3), noise(2, 9, 11, 4), verbose=0)
    assert np.isfinite(layer.kernel).all()
    assert not np.array_equal(layer.kernel, before)
