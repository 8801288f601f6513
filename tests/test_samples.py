"""Dropout samples, and the uncertainty of a mask."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.pictures import picture
from helpers.small_network import network

import tfseg
from tfseg.errors import UserError
from tfseg.layers.batch_norm import BatchNormalization
from tfseg.prediction.engine import Engine, uncertainty


class Steps(keras.layers.Dropout):
    """Deterministic dropout: multiplies sample i of an image by i, and counts its calls.

    Args:
        samples: number of samples of an image, adjacent in the batch.
    """

    def __init__(self, samples):
        super().__init__(0.5)
        self.samples = samples
        self.calls = tf.Variable(0)

    def call(self, x, training=False):
        if not training:
            return x
        self.calls.assign_add(1)
        factor = tf.cast(tf.range(tf.shape(x)[0]) % self.samples, x.dtype)
        return x * factor[:, None, None, None]


def norm():
    """Batch normalisation with statistics that differ from every batch."""
    layer = BatchNormalization()
    layer.build((None, None, None, 3))
    weights = [[1, 2, 1], [3, 0, 1], [90, 100, 110], [400, 900, 2500]]
    layer.set_weights([np.array(w) for w in weights])
    return layer


def test_samples_are_one_batch_with_the_statistics_of_inference():
    steps, batch_norm = Steps(5), norm()
    model = network(1, batch_norm, steps)
    kept = [np.array(w) for w in batch_norm.get_weights()]
    images = np.stack([picture(6, 9, seed) for seed in range(3)])
    engine = Engine(model, mc_samples=5)
    classes, confidence = engine.label(images)
    assert int(steps.calls) == 1
    scales, offsets, means, variances = kept
    normal = (images - means) / np.sqrt(variances + 1e-5) * scales + offsets
    kernel, bias = model.layers[-1].get_weights()
    logits = np.stack([normal * i @ kernel[0, 0] + bias for i in range(5)])
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    wanted = (powers / powers.sum(-1, keepdims=True)).mean(0)
    np.testing.assert_allclose(confidence, wanted.max(-1), atol=1e-5)
    np.testing.assert_array_equal(classes, wanted.argmax(-1))
    np.testing.assert_allclose(engine.probabilities(images[1]), wanted[1], atol=1e-5)
    for found, weight in zip(batch_norm.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_samples_differ_and_masks_without_dropout_do_not():
    model = network(
        1, keras.layers.Conv2D(64, 3, padding="same"), keras.layers.SpatialDropout2D(0.5)
    )
    image = picture(20, 30)
    plain = Engine(model).probabilities(image)
    sampled = Engine(model, mc_samples=3)
    looks = [sampled.probabilities(image) for _ in range(2)]
    assert np.abs(looks[0] - looks[1]).max() > 1e-2
    np.testing.assert_allclose(looks[0].sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(Engine(model).probabilities(image), plain)


def test_bayesian_segnet_is_sampled_by_default():
    model = tfseg.build("bayesian_segnet", 2)
    assert Engine(model).samples == 8
    assert Engine(model, mc_samples=0).samples == 0
    assert Engine(model, mc_samples=2).samples == 2


def test_samples_need_dropout():
    with pytest.raises(UserError, match="mc_samples: small has no dropout to sample from"):
        Engine(network(), mc_samples=4)
    with pytest.raises(UserError, match="no dropout"):
        Engine(network(1, keras.layers.Dropout(0)), mc_samples=4)


def test_uncertainty_is_the_share_of_the_largest_entropy():
    probabilities = np.zeros((2, 2, 4), np.float32)
    probabilities[0, 0] = 0.25
    probabilities[0, 1, 2] = 1
    probabilities[1, 0, :2] = 0.5
    probabilities[1, 1] = 0.97, 0.01, 0.01, 0.01
    found = uncertainty(probabilities)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], [1, 0.5], atol=1e-6)
    assert found[0, 1] == 0
    assert 0 < found[1, 1] < 0.5
    noise = uncertainty(np.random.default_rng(0).dirichlet(np.ones(7), (40, 50)))
    assert 0 <= noise.min() < noise.max() <= 1
