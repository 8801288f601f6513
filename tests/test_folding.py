"""Folding batch normalisation into convolutions keeps the outputs."""

import keras
import numpy as np
from helpers.randomize import randomize
from keras import layers

from tfseg.exporting.folding import fold
from tfseg.layers.batch_norm import BatchNormalization
from tfseg.layers.dilation import DilatedConv2D
from tfseg.layers.resize import FitLike


def norms(network):
    return [layer.name for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


def test_folding_keeps_the_outputs_whatever_stands_before_a_batch_norm():
    pixels = x = keras.Input((None, None, 4))
    convolutions = (
        layers.Conv2D(8, 3, padding="same", use_bias=False),
        layers.Conv2D(6, 3, groups=2),
        DilatedConv2D(6, 3, dilation_rate=2, padding="same"),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.Conv2DTranspose(5, 3, strides=2, use_bias=False),
        layers.Conv2D(5, 3, strides=2),
    )
    for i, convolution in enumerate(convolutions):
        norm = layers.BatchNormalization(scale=i != 1, center=i != 2)
        x = layers.ReLU()(norm(convolution(x)))
    cut = FitLike(offset=1)(layers.Conv2DTranspose(4, 3, strides=2)(x), pixels)
    x = BatchNormalization()(layers.Dropout(0.5)(cut))
    x = layers.PReLU(shared_axes=(1, 2, 3), name="above_one")(x)

    stays = [f"stays{i}" for i in range(5)]
    seen_twice = layers.Conv2D(4, 1)(x)
    x = layers.Add()([seen_twice, BatchNormalization(name=stays[0])(seen_twice)])
    shared = layers.Conv2D(4, 1)
    x = layers.Concatenate()([BatchNormalization(name=stays[1])(shared(x)), shared(-x)])
    x = BatchNormalization(name=stays[2])(x)
    x = BatchNormalization(name=stays[3])(layers.Conv2D(4, 1, activation="relu")(x))
    filled_up = FitLike(short=9)(layers.Conv2D(4, 5)(x), pixels)
    x = layers.PReLU(shared_axes=(1, 2))(BatchNormalization(name=stays[4])(filled_up))
    output = layers.Conv2D(2, 1)(x)
    network = randomize(keras.Model(pixels, [x, BatchNormalization()(output)]))
    network.get_layer("above_one").alpha.assign([[[1.5]]])

    folded = fold(network)
    assert sorted(norms(folded)) == stays
    images = np.random.default_rng(0).normal(size=(2, 21, 26, 4)).astype("float32")
    for ours, theirs in zip(folded(images), network(images), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert fold(folded).count_params() == folded.count_params()
