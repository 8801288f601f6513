"""What PIDNet's boundary head learns from (Xu et al. 2022, arXiv 2206.02066, section 4.4)."""

from typing import Any

from keras import ops

from tfseg.labels import VOID
from tfseg.losses import WHOLE, Whole

WIDTH = 4  # pixels of the band around a boundary, as mmsegmentation's
BOUNDARY_WEIGHT = 20.0  # of the boundaries' loss
SURE = 0.8  # probability from which a pixel counts as a boundary's


def boundaries(labels: Any, ignore: int = VOID) -> Any:
    """Which pixels of labels (B, H, W) lie within two of another class, as booleans (B, H, W).

    Where a class meets void is no boundary.
    """
    labels = ops.cast(labels, "float32")[..., None]
    valid = labels != ignore

    def highest(x):
        return ops.max_pool(x, WIDTH + 1, strides=1, padding="same")

    above = highest(ops.where(valid, labels, -1.0))
    below = -highest(-ops.where(valid, labels, 256.0))
    return ops.squeeze(valid & (above > below), axis=-1)


def boundary_loss(labels: Any, logits: Any, ignore: int = VOID, batch: Whole = WHOLE) -> Any:
    """Binary cross-entropy of logits (B, H, W, 1), boundaries and the rest weighing the same."""
    valid = ops.cast(labels != ignore, "float32")
    truth = ops.cast(boundaries(labels, ignore), "float32")
    logits = ops.squeeze(ops.cast(logits, "float32"), axis=-1)
    pixels, near = ops.unstack(batch.sum(ops.stack([ops.sum(valid), ops.sum(truth)])))
    total = ops.maximum(pixels, 1.0)
    share = near / total
    weights = valid * (truth * (1 - share) + (1 - truth) * share)
    return batch.sum(ops.sum(weights * (ops.softplus(logits) - truth * logits))) / total


def near_boundaries(labels: Any, logits: Any, ignore: int = VOID) -> Any:
    """The labels, with void in place of what the boundary head does not take for a boundary."""
    near = ops.sigmoid(logits[..., 0]) > SURE
    return ops.where(near, labels, ops.cast(ignore, labels.dtype))
