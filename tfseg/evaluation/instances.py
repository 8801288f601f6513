"""Cityscapes' other metrics: categories, and iIoU, where small objects count as much as large ones.

They follow the authors' evaluator (Cordts et al. 2016, arXiv 1604.01685, section 4.1).
"""

import numpy as np

from tfseg.datasets.cityscapes import LABELS, TRAINED
from tfseg.labels import VOID
from tfseg.metrics import iou, mean, ratio

CLASSES = tuple(label.name for label in TRAINED)
# Caravan and trailer belong to a category, but to no class.
VEHICLE, NOTHING = len(CLASSES), len(CLASSES) + 1

# Mean pixels of an object by class, from the authors' training set.
MEAN_SIZE = {
    "person": 3462.4756337644, "rider": 3930.4788056518, "car": 12794.0202738185,
    "truck": 27855.1264367816, "bus": 35732.1511111111, "train": 67583.7075812274,
    "motorcycle": 6298.7200839748, "bicycle": 4672.3249222261,
}  # fmt: skip

CATEGORIES = tuple(dict.fromkeys(label.category for label in TRAINED))
WITH_OBJECTS = tuple(
    name
    for name in CATEGORIES
    if all(label.has_instances for label in LABELS if label.category == name)
)
# Category of every column of the matrix, -1 for none; and of the classes only.
_COLUMN = np.array(
    [CATEGORIES.index(label.category) for label in TRAINED] + [CATEGORIES.index("vehicle"), -1]
)
_CLASS = _COLUMN[:VEHICLE]


def _coding():
    codes = np.full(256, NOTHING, np.uint8)
    for label in LABELS:
        if label.train_id != VOID:
            codes[label.id] = label.train_id
        elif label.has_instances:
            codes[label.id] = VEHICLE
    return codes


_CODES = _coding()


def cityscapes_prediction(ids):
    """Converts a prediction in Cityscapes' ids for `Tally`: uint8 (H, W) -> uint8 (H, W).

    0..18 are the classes, 19 is caravan and trailer, which are vehicles without a class, 20 is
    everything else.
    """
    return _CODES[ids]


# Objects of label id i have the values i * 1000 to i * 1000 + 999 in the instance image.
_FIRST = min(label.id for label in LABELS if label.name in MEAN_SIZE)
_ROWS = LABELS[_FIRST:]
_SPAN = len(_ROWS) * 1000
_ROW_CLASS = np.array([label.train_id for label in _ROWS])
_ROW_CATEGORY = np.array([CATEGORIES.index(label.category) for label in _ROWS])
_ROW_SIZE = np.array([MEAN_SIZE.get(label.name, 0.0) for label in _ROWS])


class Instances:
    """Counts correct object pixels, weighted by the mean size of the class over the object's."""

    def __init__(self):
        # Pixels per label with objects: correct class, correct category, all.
        self.hits, self.category_hits, self.every = np.zeros((3, len(_ROWS)))

    def add(self, prediction, instance):
        """Counts a frame: prediction uint8 (H, W) of `cityscapes_prediction`, instance uint16.

        A group of objects annotated as one region has a value below 1000 and is not counted.
        """
        value = instance - np.uint16(_FIRST * 1000)  # smaller values wrap to large ones
        objects = np.flatnonzero(value < _SPAN)
        value = value.ravel()[objects].astype(np.intp)
        code = np.minimum(prediction.ravel()[objects], NOTHING)
        row = value // 1000
        pixels = np.bincount(value, minlength=_SPAN)
        there = np.flatnonzero(pixels)
        row_there = there // 1000
        weight = _ROW_SIZE[row_there] / pixels[there]
        for total, chosen in (
            (self.hits, code == _ROW_CLASS[row]),
            (self.category_hits, _COLUMN[code] == _ROW_CATEGORY[row]),
            (self.every, slice(None)),
        ):
            count = np.bincount(value[chosen], minlength=_SPAN)[there]
            total += np.bincount(row_there, count * weight, minlength=len(_ROWS))

    def results(self, matrix):
        """`iiou` and `category_iiou` by name, and their means; `matrix` (19, 21) is `Tally`'s."""
        wrong = matrix[:, :VEHICLE].sum(0) - matrix.diagonal()
        iiou = {}
        for label, hits, every in zip(_ROWS, self.hits, self.every, strict=True):
            if label.name in MEAN_SIZE:
                iiou[label.name] = float(ratio(hits, every + wrong[label.train_id]))
        by_category = {}
        for name in WITH_OBJECTS:
            index = CATEGORIES.index(name)
            rows = index == _ROW_CATEGORY
            # Caravans and trailers predicted elsewhere are errors too.
            wrong_in = matrix[index != _CLASS][:, index == _COLUMN].sum()
            whole = self.every[rows].sum() + wrong_in
            by_category[name] = float(ratio(self.category_hits[rows].sum(), whole))
        return {
            "iiou": iiou,
            "iiou_mean": mean(list(iiou.values())),
            "category_iiou": by_category,
            "category_iiou_mean": mean(list(by_category.values())),
        }


def category_results(matrix):
    """`category_iou` by name of the seven categories, and `category_miou`; matrix (19, 21)."""
    found = {}
    for index, name in enumerate(CATEGORIES):
        inside = index == _CLASS
        columns = matrix[:, :VEHICLE][:, inside]
        found[name] = float(iou(columns[inside].sum(), matrix[inside].sum(), columns.sum()))
    return {"category_iou": found, "category_miou": mean(list(found.values()))}
