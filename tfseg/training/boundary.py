"""Losses of PIDNet's boundary head (Xu et al. 2022, arXiv 2206.02066, section 4.4)."""

from typing import Any

from keras import ops

from tfseg.labels import VOID
from tfseg.losses import WHOLE, Whole

WIDTH = 4  # pixels of the band around a boundary, as in mmsegmentation
BOUNDARY_WEIGHT = 20.0  # weight of the boundary loss
SURE = 0.8  # probability above which a pixel counts as boundary


def boundaries(labels: Any, ignore: int = VOID) -> Any:
    """Whether each pixel of labels (B, H, W) is within 2 pixels of another class: (B, H, W).

    An edge between a class and void is no boundary.
    """
    labels = ops.cast(labels, "float32")[..., None]
    valid = labels != ignore

    def highest(x):
        return ops.max_pool(x, WIDTH + 1, strides=1, padding="same")

    above = highest(ops.where(valid, labels, -1.0))
    below = -highest(-ops.where(valid, labels, 256.0))
    return ops.squeeze(valid & (above > below), axis=-1)


def boundary_loss(labels: Any, logits: Any, ignore: int = VOID, batch: Whole = WHOLE) -> Any:
    """Binary cross-entropy of logits (B, H, W, 1), boundary and background weighted equally."""
    valid = ops.cast(labels != ignore, "float32")
    truth = ops.cast(boundaries(labels, ignore), "float32")
    logits = ops.squeeze(ops.cast(logits, "float32"), axis=-1)
    pixels, near = ops.unstack(batch.sum(ops.stack([ops.sum(valid), ops.sum(truth)])))
    total = ops.maximum(pixels, 1.0)
    share = near / total
    weights = valid * (truth * (1 - share) + (1 - truth) * share)
    return batch.sum(ops.sum(weights * (ops.softplus(logits) - truth * logits))) / total


def near_boundaries(labels: Any, logits: Any, ignore: int = VOID) -> Any:
    """The labels, with void wherever the boundary head sees no boundary."""
    near = ops.sigmoid(logits[..., 0]) > SURE
    return ops.where(near, labels, ops.cast(ignore, labels.dtype))
