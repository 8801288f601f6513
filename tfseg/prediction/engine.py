"""Runs a network on images, with test-time augmentation, tiles, dropout samples and CRF."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfseg.decision import Decision
from tfseg.errors import UserError
from tfseg.models import MODELS
from tfseg.prediction.tiles import blended


class Engine:
    """Masks and class probabilities of images; the same for `predict`, `test` and Python.

    Args:
        network: Keras model, RGB pixels (N, H, W, 3) in 0..255 -> logits (N, H, W, K).
        decision: turns logits into masks, a `Decision`; None picks the highest class. For a
            multilabel decision, masks and confidences have a channel per class.
        scales: sizes to predict an image at, relative to its own; probabilities are averaged.
        flip: also predict the mirror image.
        tile: side of the tiles that an image is cut into, pixels; None uses the whole image.
        overlap: share of a tile, below 1, that it has in common with its neighbours.
        size: (H, W) to resize images to before the network.
        mc_samples: number of dropout samples to average (Kendall et al. 2015, section 3); 0 runs
            once without dropout. None is 8 for Bayesian SegNet and 0 for other networks. Sampling
            freezes the network's batch normalisation for good.
        crf: a `tfseg.prediction.crf.CRF` that refines the mean on the whole image.

    Raises:
        UserError: for options that exclude each other, and samples of a network without dropout.
    """

    def __init__(
        self,
        network,
        decision=None,
        *,
        scales=(1.0,),
        flip=False,
        tile=None,
        overlap=0.25,
        size=None,
        mc_samples=None,
        crf=None,
    ):
        if size and tile:
            raise UserError(f"give --size={size[0]}x{size[1]} or --tile={tile}, not both")
        if mc_samples is None:
            mc_samples = MODELS[network.name].samples if network.name in MODELS else 0
        self.network = _sampling(network) if mc_samples else network
        self.scales, self.flip, self.samples = scales, flip, mc_samples
        self.tile, self.overlap, self.size, self.crf = tile, overlap, size, crf
        self.decision = decision or Decision()
        if crf and self.decision.is_multilabel:
            raise UserError("--crf does not work with a multilabel network; leave it out")
        self._plain = (tuple(scales), flip, size, mc_samples) == ((1.0,), False, None, 0)
        self._labels = tf.function(self._most_likely, reduce_retracing=True)
        self._mean = tf.function(self._mean_of_looks, reduce_retracing=True)

    def label(self, images, start=0):
        """(masks uint8 (N, H, W), confidence float32 (N, H, W)) of uint8 images.

        `start`, the index of the first image, is only used by other sources of masks.
        """
        if self.tile is None and self.crf is None:
            classes, confidence = self._labels(images)
            return classes.numpy(), confidence.numpy()
        shape = self._shape(images.shape[:3])
        classes, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
        for place, image in enumerate(images):
            self._label_blocks(np.asarray(image), classes[place], confidence[place])
        return classes, confidence

    def mask(self, image):
        """The mask uint8 (H, W) of one uint8 image (H, W, 3), as in `label`."""
        if self.tile is None and self.crf is None:
            return self._labels(image[None])[0].numpy()[0]
        classes = np.empty(self._shape(image.shape[:2]), np.uint8)
        self._label_blocks(image, classes)
        return classes

    def probabilities(self, image):
        """Class probabilities float32 (H, W, K) of an image (H, W, 3)."""
        whole = None
        for rows, columns, block in self._blocks(image):
            if whole is None:
                whole = np.empty((*image.shape[:2], block.shape[2]), np.float32)
            whole[rows, columns] = block
        return whole if self.crf is None else self.crf(image, whole)

    def _shape(self, pixels):
        """The shape of masks, given the shape of their pixels."""
        channels = self.network.output_shape[-1:] if self.decision.is_multilabel else ()
        return (*pixels, *channels)

    def check_size(self, height, width, what):
        """Raises `UserError` if an image is too small for the network."""
        smallest = self.network.get_layer("size").smallest
        if self.size:
            what, (height, width) = f"--size={self.size[0]}x{self.size[1]}", self.size
        seen = min(height, width)
        if self.tile:
            seen = min(seen, self.tile)
            what = what if seen < self.tile else f"--tile={self.tile}: a tile"
            height, width = (min(side, self.tile) for side in (height, width))
        if round(seen * min(self.scales)) < smallest:
            scaled = "" if min(self.scales) >= 1 else f", scaled by {min(self.scales):g} of that"
            raise UserError(
                f"{what} has {height}x{width} pixels{scaled}; "
                f"{self.network.name} needs {smallest} a side"
            )

    def _label_blocks(self, image, classes, confidence=None):
        """Fills in one image's classes and confidence, block by block."""
        blocks = self._blocks(image)
        if self.crf is not None:
            blocks = [(slice(None), slice(None), self.probabilities(image))]
        for rows, columns, block in blocks:
            chosen = classes[rows, columns] = self.decision.choose(block)
            if confidence is not None:
                confidence[rows, columns] = self.decision.confidence(block, chosen)

    def _blocks(self, image):
        """Yields (rows, columns, probabilities) of slices that cover an image once."""

        def look(rows, columns):
            return self._mean(image[None, rows, columns])[0].numpy()

        if self.tile is None:
            yield slice(None), slice(None), look(slice(None), slice(None))
        else:
            yield from blended(image.shape[:2], self.tile, self.overlap, look)

    def _most_likely(self, images):
        decision = self.decision
        if self._plain:  # use the logits, because probabilities near 1 round to the same number
            logits = self.network(tf.cast(images, tf.float32), training=False)
            mask, probabilities = decision.mask(logits), decision.probabilities(logits)
        else:
            probabilities = self._mean_of_looks(images)
            mask = decision.choose(probabilities)
        return mask, decision.confidence(probabilities, mask)

    def _mean_of_looks(self, images):
        """Mean probabilities (N, H, W, K) over all test-time variants of images (N, H, W, 3)."""
        images = tf.cast(images, tf.float32)
        shape = tf.shape(images)[1:3]
        total = 0.0
        for scale in self.scales:
            size = tf.cast(self.size or shape, tf.float32)
            seen = _resized(images, tf.cast(tf.round(size * scale), tf.int32))
            looks = [self._probabilities(seen)]
            if self.flip:
                looks.append(self._probabilities(seen[:, :, ::-1])[:, :, ::-1])
            total += _resized(sum(looks) / len(looks), shape)
        return total / len(self.scales)

    def _probabilities(self, images):
        if not self.samples:
            return self.decision.probabilities(self.network(images, training=False))
        batch = tf.repeat(images, self.samples, axis=0)  # all samples in one call
        probabilities = self.decision.probabilities(self.network(batch, training=True))
        shape = tf.shape(probabilities)
        samples = tf.concat([[shape[0] // self.samples, self.samples], shape[1:]], 0)
        return tf.reduce_mean(tf.reshape(probabilities, samples), axis=1)


def _resized(images, size):
    """Resizes bilinearly; returns the same pixels if they already have that size."""
    return tf.cond(
        tf.reduce_all(tf.shape(images)[1:3] == size),
        lambda: images,
        lambda: tf.image.resize(images, size),
    )


def _sampling(network):
    """Prepares the network for training mode in which only dropout differs from inference."""
    kinds = (keras.layers.Dropout, keras.layers.SpatialDropout2D)
    if not any(isinstance(layer, kinds) and layer.rate for layer in network.layers):
        raise UserError(f"--mc_samples: {network.name} has no dropout to sample from")
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False  # so that it uses its moving statistics in training mode
    return network


def uncertainty(probabilities, multilabel=False):
    """Uncertainty of each pixel, float32 (H, W) in 0..1: entropy relative to its maximum.

    For a multilabel network, that of the most uncertain class.
    """
    if multilabel:
        pairs = np.stack([probabilities, 1 - probabilities], axis=-1)
        return uncertainty(pairs).max(axis=-1)
    terms = probabilities * np.log(1 / np.maximum(probabilities, 1e-12))
    return terms.sum(axis=-1) / math.log(probabilities.shape[-1])
