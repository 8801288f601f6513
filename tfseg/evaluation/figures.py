"""All metrics of evaluation, accumulated frame by frame in constant memory."""

import math

import numpy as np

from tfseg.evaluation.boundary import Boundaries
from tfseg.evaluation.instances import CLASSES as CITYSCAPES
from tfseg.evaluation.instances import Instances, category_results, cityscapes_prediction
from tfseg.evaluation.ranking import Ranking
from tfseg.labels import VOID
from tfseg.metrics import pair_counts, ratio, scores

__all__ = ["Tally", "cityscapes_prediction", "elab_names", "table"]

BINS = 15  # bins of confidence (Guo et al. 2017, arXiv 1706.04599, section 4)


class Tally:
    """Accumulates the metrics of frames; their order and batch size do not matter.

    Args:
        classes: class names by index.
        boundaries: also count outlines, which takes more time than everything else.

    Attributes:
        matrix: int64 (K, K + 1), rows truth, columns prediction; the last column is no class. For
            Cityscapes' 19 classes (19, 21): the column before the last is caravan and trailer, see
            `cityscapes_prediction`.
        ranking: for two classes, a `Ranking` of the pixels with a confidence.

    Example:
        >>> tally = Tally(("road", "sky"))
        >>> for truth, prediction in frames:
        ...     tally.add(truth, prediction)
        >>> tally.results()["miou"]
    """

    def __init__(self, classes, boundaries=True):
        self.classes = tuple(classes)
        self._official = self.classes == CITYSCAPES
        rows = len(self.classes)
        self.matrix = np.zeros((rows, rows + 2 if self._official else rows + 1), np.int64)
        self._boundaries = Boundaries(rows) if boundaries else None
        self._calibration, self.ranking = Calibration(), Ranking()
        self._instances, self._frames, self._frames_with_instances = Instances(), 0, 0

    def add(self, truth, prediction, instance=None, confidence=None):
        """Counts a frame; returns the frame's metrics, see `tfseg.metrics.scores`.

        Args:
            truth: uint8 (H, W) class indices, 255 void.
            prediction: uint8 (H, W) class indices; K and above are no class, a miss.
            instance: uint16 (H, W) Cityscapes' instanceIds; ignored for other classes.
            confidence: float32 (H, W) in 0..1, the probability of the predicted class.

        Raises:
            UserError: if a truth value is neither a class nor void.
        """
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        counts = pair_counts(truth, prediction, len(self.classes))[1:]
        last = self.matrix.shape[1] - 1
        frame = np.column_stack((counts[:, :last], counts[:, last:].sum(1)))
        self.matrix += frame
        if self._boundaries:
            self._boundaries.add(truth, prediction)
        self._frames += 1
        if instance is not None and self._official:
            self._instances.add(prediction, np.asarray(instance))
            self._frames_with_instances += 1
        if confidence is not None:
            confidence = np.asarray(confidence)
            self._calibration.add(truth, prediction, confidence)
            if len(self.classes) == 2:
                self.ranking.add(truth, np.where(prediction == 1, confidence, 1 - confidence))
        return scores(frame)

    def best_thresholds(self):
        """(threshold,) with the highest IoU of the second of two classes."""
        return (self.ranking.best_threshold(),)

    def results(self):
        """All metrics in JSON's types: fractions, None for absent classes.

        `miou`, `pixel_accuracy`, `class_accuracy`, `fw_iou` and `iou` by class are those of
        `tfseg.metrics.scores`; `boundary_iou` and `bf` by class, `boundary_miou`, `mean_bf`. For
        Cityscapes' classes: `category_iou` by category and `category_miou`; if every frame had
        instances: `iiou`, `category_iiou`, `iiou_mean`, `category_iiou_mean`. For two classes:
        `dice` by class. With confidence: `ece` and `calibration`, and for two classes
        `average_precision` of the second.
        """
        found = scores(self.matrix) | (self._boundaries.results() if self._boundaries else {})
        if len(self.classes) == 2:
            found["dice"] = 2 * found["iou"] / (1 + found["iou"])
        for name in {"iou", "dice", "boundary_iou", "bf"} & found.keys():
            found[name] = dict(zip(self.classes, found[name], strict=True))
        if self._official:
            found |= category_results(self.matrix)
            # False positives come from all frames, so the objects must too.
            if 0 < self._frames_with_instances == self._frames:
                found |= self._instances.results(self.matrix)
        if self._calibration.seen:
            found |= self._calibration.results()
            if len(self.classes) == 2:
                found["average_precision"] = {self.classes[1]: self.ranking.average_precision()}
        return _plain(found)


class Calibration:
    """The expected calibration error (ECE) in 15 equal bins of confidence.

    Guo et al. 2017, arXiv 1706.04599, section 2: the mean difference of a bin's confidence and its
    accuracy, weighted by the bins' pixels.
    """

    def __init__(self):
        self.pixels, self.right, self.confidence = np.zeros((3, BINS))
        self.seen = False

    def add(self, truth, prediction, confidence):
        # Pieces that fit the cache take a third of the time of whole frames.
        for start in range(0, truth.size, 1 << 15):
            piece = slice(start, start + (1 << 15))
            self._add(*(a.ravel()[piece] for a in (truth, prediction, confidence)))
        self.seen = True

    def _add(self, truth, prediction, confidence):
        # Bin m holds values in ((m - 1) / 15, m / 15], bin 1 also 0; void goes to bin 0.
        place = np.ceil(np.clip(confidence * BINS, 1, BINS)).astype(np.intp)
        place *= truth != VOID
        self.confidence += np.bincount(place, confidence, minlength=BINS + 1)[1:]
        place += (BINS + 1) * (truth == prediction)
        wrong, right = np.bincount(place, minlength=2 * BINS + 2).reshape(2, -1)[:, 1:]
        self.pixels += wrong + right
        self.right += right

    def results(self):
        """`ece`, and `calibration`, a list of dicts, one per bin."""
        bins = {
            "confidence": ratio(self.confidence, self.pixels),
            "accuracy": ratio(self.right, self.pixels),
            "share": ratio(self.pixels, np.full(BINS, self.pixels.sum())),
        }
        gap = np.abs(self.right - self.confidence).sum()
        return {
            "ece": float(ratio(gap, self.pixels.sum())),
            "calibration": [
                dict(zip(bins, values, strict=True)) for values in zip(*bins.values(), strict=True)
            ],
        }


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if math.isnan(value) else float(value)


def elab_names(results):
    """e-lab's two metrics by its names: "IoU" is class accuracy, "iIoU" is mIoU."""
    return {"IoU": results["class_accuracy"], "iIoU": results["miou"]}


COLUMNS = {
    "iou": "IoU", "dice": "Dice", "average_precision": "AP", "iiou": "iIoU",
    "boundary_iou": "Boundary IoU", "bf": "BF",
}  # fmt: skip
CATEGORY_COLUMNS = {"category_iou": "IoU", "category_iiou": "iIoU"}
SUMMARY = {
    "miou": "mIoU", "pixel_accuracy": "pixel accuracy", "class_accuracy": "class accuracy",
    "fw_iou": "frequency-weighted IoU", "boundary_miou": "Boundary mIoU", "mean_bf": "mean BF",
    "category_miou": "category mIoU", "iiou_mean": "iIoU", "category_iiou_mean": "category iIoU",
    "mean_average_precision": "mean average precision", "ece": "expected calibration error",
}  # fmt: skip


def table(results):
    """The table of metrics for the terminal, in percent; "–" is an absent class."""
    lines = _columns("class", COLUMNS, results)
    if "category_iou" in results:
        lines += ["", *_columns("category", CATEGORY_COLUMNS, results)]
    lines.append("")
    wide = max(map(len, SUMMARY.values()))
    lines += [
        f"{title:<{wide}}  {_percent(results[key]):>5}"
        for key, title in SUMMARY.items()
        if key in results
    ]
    if "iiou" not in results:
        lines.append("iIoU: not computed, the records hold no instances")
    return "\n".join(lines)


def _columns(what, titles, results):
    """The lines of a table with a row per class or category and a column per metric."""
    titles = {key: title for key, title in titles.items() if key in results}
    names = results[next(iter(titles))]
    wide = max(map(len, (what, *names)))
    lines = [f"{what:<{wide}}" + "".join(f"  {title:>5}" for title in titles.values())]
    for name in names:
        cells = (
            f"  {_percent(results[key].get(name)):>{max(5, len(title))}}"
            for key, title in titles.items()
        )
        lines.append(f"{name:<{wide}}" + "".join(cells))
    return lines


def _percent(value):
    return "–" if value is None else f"{100 * value:.1f}"
