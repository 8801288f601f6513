"""How often each class was taken for each other: the count that all figures rest on."""

import numpy as np

from tfseg.errors import UserError

VOID = 255


def pair_counts(truth, prediction, classes):
    """Counts of (truth, prediction) pairs of a frame, int64 (classes + 1, 256), exact.

    Row 0 is what is void in the truth, row c + 1 its class c; a column is a value of the
    prediction. Both pictures are uint8 (H, W). Segmentations hold their values for many pixels on
    end, so runs are counted by their lengths, unless they are too short to be worth it.

    Raises:
        UserError: for a truth that is neither a class nor void.
    """
    truth, prediction = truth.ravel(), prediction.ravel()
    ends = np.ones(truth.size, bool)
    np.not_equal(truth[1:], truth[:-1], out=ends[:-1])
    ends[:-1] |= prediction[1:] != prediction[:-1]
    lengths = None
    if np.count_nonzero(ends) * 8 < ends.size:
        places = np.flatnonzero(ends)
        truth, prediction = truth[places], prediction[places]
        lengths = np.diff(places, prepend=-1)  # as float64 weights, exact up to 2^53 pixels
    row = truth + np.uint8(1)  # void wraps round to 0, which keeps the table small
    pair = (row.astype(np.intp) << 8) | prediction
    counts = np.bincount(pair, lengths, minlength=(classes + 1) * 256)
    if counts.size > (classes + 1) * 256:
        value = (counts.size - 1) // 256 - 1
        raise UserError(f"label {value} among the truth; wanted 0 to {classes - 1} or {VOID}, void")
    return counts.reshape(-1, 256).astype(np.int64)


def ratio(part, whole):
    """`part` / `whole`, NaN where there is nothing."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def mean(values):
    """The mean of what is there, NaN of nothing."""
    values = np.asarray(values)
    there = values[~np.isnan(values)]
    return there.mean() if there.size else np.nan
