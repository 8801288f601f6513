"""Metrics of a class's probabilities over all thresholds: average precision, best threshold."""

import numpy as np

from tfseg.labels import VOID
from tfseg.metrics import iou, ratio

BINS = 1000  # number of thresholds


class Ranking:
    """Histograms of the probability of class 1, accumulated frame by frame."""

    def __init__(self):
        self.counts = np.zeros((2, BINS), np.int64)  # pixels of class 0 and class 1

    def add(self, truth, probability):
        """Counts a frame: class indices 0, 1 or void (H, W), probabilities of class 1 (H, W)."""
        places = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
        places += BINS * truth.astype(np.intp)
        found = np.bincount(places[truth != VOID], minlength=2 * BINS)
        self.counts += found.reshape(2, BINS)

    def average_precision(self):
        """The area under the precision-recall curve: the sum over thresholds of recall gain times
        precision. NaN if class 1 has no pixels."""
        others, hits = self._above()
        precision = np.nan_to_num(ratio(hits, hits + others))
        gains = ratio(self.counts[1], np.full(BINS, self.counts[1].sum()))
        return float((gains * precision).sum())

    def best_threshold(self):
        """The threshold with the highest IoU of class 1, and so the highest Dice.

        If several are equal, the one nearest to 0.5, which it also is if class 1 has no pixels.
        """
        others, hits = (counts[1:] for counts in self._above())  # threshold 0 accepts all pixels
        total = self.counts[1].sum()
        by_threshold = np.nan_to_num(iou(hits, total, hits + others))
        thresholds = np.arange(1, BINS) / BINS
        best = thresholds[by_threshold == by_threshold.max()]
        return float(best[np.abs(best - 0.5).argmin()])

    def _above(self):
        """The pixels of each class at or above each threshold k / BINS, (2, BINS)."""
        return self.counts[:, ::-1].cumsum(axis=1)[:, ::-1]
