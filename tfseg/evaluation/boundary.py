"""Metrics of outlines: Boundary IoU and boundary F1 (BF), accumulated over frames."""

from typing import NamedTuple

import cv2
import numpy as np

from tfseg.labels import VOID
from tfseg.metrics import iou, mean, pair_counts, ratio

RIM = 0.02  # fraction of the image's diagonal (Cheng et al. 2021, section 5)
TOLERANCE = 0.0075  # fraction of the image's diagonal (Csurka et al. 2013, section 3)


class Boundaries:
    """Boundary IoU and BF of `classes` classes.

    Boundary IoU (Cheng et al. 2021, arXiv 2103.16562): a class's rim is its mask minus the mask
    eroded by 2 % of the diagonal; the image's edge counts as outside the mask. It is the IoU of
    the rims of truth and prediction, summed over the frames.

    BF (Csurka et al. 2013; Badrinarayanan et al. 2015, arXiv 1511.00561, section 4): a class's
    outline is its pixels with another label among their 8 neighbours. Per frame, it is the F1 of
    outline pixels that are nearer than 0.75 % of the diagonal to the other outline; then the mean
    over frames where truth or prediction has an outline of the class. As in mIoU, a class
    predicted in a frame without it thus lowers the result.

    Void pixels of the truth become void in the prediction, so both have the same holes.
    """

    def __init__(self, classes):
        self.classes = classes
        self.both, self.truth, self.predicted = np.zeros((3, classes), np.int64)  # rim pixels
        self.f1, self.frames = np.zeros((2, classes))

    def add(self, truth, prediction):
        """Counts a frame: truth and prediction uint8 (H, W), class indices or no class."""
        prediction = np.where(truth == VOID, np.uint8(VOID), prediction)
        diagonal = float(np.hypot(*truth.shape))
        width = max(1, round(RIM * diagonal))
        (rim, outline), (rim_seen, outline_seen) = (
            rim_and_outline(labels, width) for labels in (truth, prediction)
        )
        counts = pair_counts(rim, rim_seen, self.classes)
        self.both += counts[1:].diagonal()
        self.truth += counts[1:].sum(1)
        self.predicted += counts[:, : self.classes].sum(0)
        self._add_f1(outline, outline_seen, tolerance=TOLERANCE * diagonal)

    def _add_f1(self, *outlines, tolerance):
        points = [_points(labels, self.classes) for labels in outlines]
        every = [np.bincount(p.label, minlength=self.classes) for p in points]
        missed = [
            np.bincount(_missed(*pair, outlines[0].shape, tolerance), minlength=self.classes)
            for pair in (points, points[::-1])
        ]
        shares = [ratio(n - miss, n) for n, miss in zip(every, missed, strict=True)]
        recall, precision = np.nan_to_num(shares)
        self.f1 += np.nan_to_num(ratio(2 * precision * recall, precision + recall))
        self.frames += (every[0] + every[1]) > 0

    def results(self):
        """Dict of `boundary_iou`, `bf`, float64 (K,), NaN for absent classes, and their means."""
        rims = iou(self.both, self.truth, self.predicted)
        bf = ratio(self.f1, self.frames)
        return {"boundary_iou": rims, "boundary_miou": mean(rims), "bf": bf, "mean_bf": mean(bf)}


def rim_and_outline(labels, width):
    """(labels on rims of `width` pixels, labels on outlines), uint8 (H, W), void elsewhere.

    Classes do not overlap, so a pixel is on its class's rim if and only if some 2×2 pixels in the
    window around it differ: one dilation serves all classes.
    """
    height, wide = labels.shape
    padded = cv2.copyMakeBorder(labels, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=VOID)
    first = padded[:-1, :-1]
    mixed = padded[1:, 1:] ^ first
    mixed |= padded[1:, :-1] ^ first
    mixed |= padded[:-1, 1:] ^ first
    mixed = cv2.threshold(mixed, 0, 1, cv2.THRESH_BINARY)[1]
    # Entry i compares rows i - 1 and i; the window around y covers y - width + 1 to y + width.
    rim = cv2.dilate(mixed, np.ones((2 * width,) * 2, np.uint8), anchor=(width - 1,) * 2)
    mixed[[0, -1]] = 0  # the image's edge is not an outline
    mixed[:, [0, -1]] = 0
    outline = cv2.dilate(mixed, np.ones((2, 2), np.uint8), anchor=(0, 0))
    # 1 - 1 keeps the label, 0 - 1 wraps to 255, void.
    return tuple(labels | (mask[:height, :wide] - np.uint8(1)) for mask in (rim, outline))


class _Points(NamedTuple):
    """Pixels with a class, sorted by class, row and column; each array (N,)."""

    label: np.ndarray
    row: np.ndarray
    column: np.ndarray

    def chosen(self, which):
        return _Points(*(values[which] for values in self))

    def numbered(self, shape, margin):
        """One number per pixel, in that order, with `margin` pixels around the image."""
        height, width = (length + 2 * margin for length in shape)
        return (self.label * height + self.row + margin) * width + self.column + margin


def _points(labels, classes):
    places = np.flatnonzero(labels < classes)
    label = labels.ravel()[places]
    order = np.argsort(label, kind="stable")
    return _Points(label[order].astype(np.int64), *np.divmod(places[order], labels.shape[1]))


def _missed(points, others, shape, tolerance):
    """Labels of the `points` without one of `others` of their class nearer than `tolerance`.

    It searches the disc around every point row by row, nearest rows first: most points find a
    match soon and drop out.
    """
    near = _near(points, others, shape, tolerance)
    left_out, points = points.label[~near], points.chosen(near)
    margin = int(np.ceil(tolerance))
    stride = shape[1] + 2 * margin
    keys, label = points.numbered(shape, margin), points.label
    others = np.append(others.numbered(shape, margin), np.iinfo(np.int64).max)
    for row in sorted(range(1 - margin, margin), key=abs):
        half = int(np.ceil(np.sqrt(tolerance**2 - row**2))) - 1
        left = keys + (row * stride - half)
        alone = others[np.searchsorted(others, left)] > left + 2 * half
        keys, label = keys[alone], label[alone]
    return np.concatenate((left_out, label))


def _near(points, others, shape, tolerance):
    """Whether a point may have one of `others` in reach, bool (N,), by cells of the image.

    It excludes points far from all others, which would be searched in every row.
    """
    side = int(np.ceil(tolerance / 2))
    cells = tuple(-(-length // side) for length in shape)
    mine, theirs = (
        _Points(p.label, p.row // side, p.column // side).numbered(cells, 2)
        for p in (points, others)
    )
    classes = 1 + max(p.label.max(initial=0) for p in (points, others))
    taken = np.zeros((classes * (cells[0] + 4), cells[1] + 4), np.uint8)
    taken.ravel()[theirs] = 1
    return cv2.dilate(taken, np.ones((5, 5), np.uint8)).ravel()[mine] > 0
