"""Corrects a trained network's masks for the class weights of its training.

Class weights teach rare classes, and then favour them: logits are about log w too high (see
`prior_shift`). Early that helps; late, taking a part of it away raises the mIoU.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfseg.class_weights import prior_shift
from tfseg.data.pipeline import evaluation_batches
from tfseg.metrics import pair_counts, scores
from tfseg.records.corrupt import naming_corrupt
from tfseg.records.split import Split

PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORTH = 0.001  # smallest gain in mIoU that is worth a correction


def prior_correction(
    network: keras.Model, split: Split, batch_size: int, weights: Any
) -> dict[str, Any] | None:
    """The part of the shift by class weights (K,) without which masks are best on a split.

    Returns:
        {"part", "miou": [before, after], "layer", "bias"}: `bias` is to be subtracted from that of
        `network.layers[layer]`. None if there is no such layer, or nothing to gain.
    """
    shift = prior_shift(weights)
    shift -= shift.mean()
    layer, bias = _head(network, shift)
    if layer is None:
        return None
    found = _miou_by_part(network, split, batch_size, shift)
    best = int(np.argmax(found))
    if not found[best] - found[0] >= WORTH:  # NaN if nothing is labelled
        return None
    part, miou = PARTS[best], [found[0], found[best]]
    return {"part": part, "miou": miou, "layer": layer, "bias": (part * bias).tolist()}


def _head(network, shift):
    """The index of the last layer whose bias adds to the logits and to nothing else, and what to
    add to that bias so that they shift by `shift` (K,).

    With sub-pixel shuffle, the bias has K numbers for each pixel of a block.
    """
    side = max(64, network.get_layer("size").smallest)
    image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype("float32")
    before = None
    for index, layer in reversed([*enumerate(network.layers)]):
        length = math.prod(getattr(getattr(layer, "bias", None), "shape", ()))
        if length == 0 or length % len(shift):
            continue
        before = network(image, training=False) if before is None else before
        for spread in (np.tile, np.repeat):
            bias, kept = spread(shift, length // len(shift)), layer.bias.numpy()
            layer.bias.assign(kept + bias)
            moved = network(image, training=False) - before
            layer.bias.assign(kept)
            if np.allclose(moved, np.broadcast_to(shift, moved.shape), atol=1e-3):
                return index, bias
    return None, None


def _miou_by_part(network, split, batch_size, shift):
    @tf.function(reduce_retracing=True)
    def masks(images):
        logits = network(tf.cast(images, tf.float32), training=False)
        return [tf.cast(tf.argmax(logits - part * shift, -1), tf.uint8) for part in PARTS]

    classes = len(shift)
    matrices = np.zeros((len(PARTS), classes, classes), np.int64)
    with (
        tqdm(total=len(split), desc="scoring corrections", unit="frame") as bar,
        naming_corrupt(split),
    ):
        for images, truths in evaluation_batches(split, batch_size=batch_size):
            for matrix, found in zip(matrices, masks(images), strict=True):
                for truth, mask in zip(truths.numpy(), found.numpy(), strict=True):
                    matrix += pair_counts(truth, mask, classes)[1:, :classes]
            bar.update(len(images))
    return [float(scores(matrix)["miou"]) for matrix in matrices]
