"""Metrics of multilabel networks: each class on its own."""

import numpy as np

from tfseg.evaluation.figures import Tally
from tfseg.labels import VOID
from tfseg.metrics import iou, mean, ratio

SECOND = ("iou", "dice", "boundary_iou", "bf", "average_precision")  # by class, from `Tally`s
MEANS = {"miou": "iou", "boundary_miou": "boundary_iou", "mean_bf": "bf"}


class MultilabelTally:
    """Accumulates metrics like `Tally`, each class against the rest.

    Masks have a channel per class, uint8 (H, W, K) of 0 and 1; the truth has 255 for void.
    """

    matrix = None  # classes are independent, so none is confused with another

    def __init__(self, classes):
        self.classes = tuple(classes)
        self._tallies = [Tally((f"no {name}", name)) for name in self.classes]

    def add(self, truth, prediction, instance=None, confidence=None):
        """Counts a frame; `confidence` (H, W, K) are the probabilities. Returns its metrics:

        `miou`, `iou` (K,) and `pixel_accuracy`, the share of correct decisions.
        """
        if confidence is not None:
            confidence = np.where(prediction == 1, confidence, 1 - confidence)
        for k, tally in enumerate(self._tallies):
            sure = None if confidence is None else confidence[..., k]
            tally.add(truth[..., k], prediction[..., k], confidence=sure)
        known = truth != VOID
        there, found = truth == 1, (prediction == 1) & known
        hits, truths, founds = (a.sum((0, 1)) for a in (there & found, there, found))
        right = ((truth == prediction) & known).sum()
        by_class = iou(hits, truths, founds)
        accuracy = float(ratio(right, known.sum()))
        return {"miou": mean(by_class), "pixel_accuracy": accuracy, "iou": by_class}

    def results(self):
        """As `Tally.results`: every metric by class, and its mean over the classes.

        `pixel_accuracy` is the share of correct decisions, K per pixel.
        """
        each = [tally.results() for tally in self._tallies]
        names = list(zip(self.classes, each, strict=True))
        found = {
            key: {name: results[key].get(name) for name, results in names}
            for key in SECOND
            if all(key in results for results in each)
        }
        means = {key: _mean(found[of].values()) for key, of in MEANS.items() if of in found}
        means["pixel_accuracy"] = _mean(results["pixel_accuracy"] for results in each)
        if "average_precision" in found:
            means["mean_average_precision"] = _mean(found["average_precision"].values())
            means["ece"] = _mean(results["ece"] for results in each)
        return means | found

    def best_thresholds(self):
        """For each class, the threshold with its highest IoU."""
        return tuple(threshold for tally in self._tallies for threshold in tally.best_thresholds())


def _mean(values):
    """The mean of the values that are not None; None if there are none."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
