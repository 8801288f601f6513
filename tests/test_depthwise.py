"""Depthwise convolution in bfloat16: its gradients come from float32 and are as good."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg.layers.depthwise import DepthwiseConv2D


def passed(layer, x):
    """(the layer's output, gradients of its input and weights), in float32."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(tf.cast(y, "float32") ** 2)
    every = [y, *tape.gradient(loss, [x, *layer.trainable_variables])]
    return [tf.cast(tensor, "float32").numpy() for tensor in every]


@pytest.mark.parametrize(("side", "stride", "bias"), [(3, 1, False), (3, 2, True), (5, 2, False)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_gradients_are_those_of_keras(side, stride, bias, padding):
    options = {"strides": stride, "padding": padding, "use_bias": bias}
    x = tf.cast(np.random.default_rng(0).normal(size=(2, 13, 18, 8)), "bfloat16")
    ours = DepthwiseConv2D(side, **options, dtype="mixed_bfloat16")
    exact = keras.layers.DepthwiseConv2D(side, **options, dtype="float32")
    for layer in (ours, exact):
        layer.build(x.shape)
    exact.set_weights(ours.get_weights())
    found, wanted = passed(ours, x), passed(exact, tf.cast(x, "float32"))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02 * np.abs(other).max())
