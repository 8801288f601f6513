"""The confusion matrix compared with other libraries, and the time of every metric of evaluation.

    python -m benchmarks.evaluate [--source=DIR] [--rounds=5]

`--source` is CamVid in the SegNet edition; the default is generated streets. Predictions are the
truth of the next video frame, so outlines are close to each other, as with a network. "noise" sets
half of their pixels to a random class, the worst case. All rows count the same matrix, run on one
thread and take turns; the table shows medians. It includes scikit-learn, torchmetrics and
cityscapesscripts if they are installed.
"""

import importlib
from types import SimpleNamespace

import cv2
import numpy as np
from PIL import Image

from benchmarks.frames import arguments, find_frames
from benchmarks.results import show
from benchmarks.timing import Turns
from tfseg.evaluation.boundary import Boundaries
from tfseg.evaluation.figures import Tally
from tfseg.labels import VOID
from tfseg.metrics import pair_counts
from tfseg.records.frames import read_label

LARGE = (1024, 2048)
FRAMES = 12
MATRIX = "matrix and its figures"


def main():
    cv2.setNumThreads(1)
    options = arguments(__doc__).parse_args()
    spec, source = find_frames(options.source)
    classes = len(spec.classes)
    cases = label_pairs(spec, source, classes)
    speeds = {
        case: measure(matrices(classes), pairs, options.rounds) for case, pairs in cases.items()
    }
    report_matrix(spec.name, speeds)
    report_frame(spec.classes, cases, options.rounds)


def label_pairs(spec, source, classes):
    """{case: [(truth, prediction)]}."""
    frames = spec.list_frames(source)["train"]
    chosen = range(0, len(frames) - 1, max(1, len(frames) // FRAMES))
    maps = [[read_label(frames[i + step]).index for step in (0, 1)] for i in chosen]
    pairs = [(truth, np.where(other == VOID, 0, other)) for truth, other in maps]
    pairs = [tuple(labels.astype(np.uint8) for labels in pair) for pair in pairs]
    exact = {"dsize": LARGE[::-1], "interpolation": cv2.INTER_NEAREST}
    large = [tuple(cv2.resize(labels, **exact) for labels in pair) for pair in pairs[::3]]
    height, width = pairs[0][0].shape
    return {
        f"{height}×{width}": pairs,
        f"{LARGE[0]}×{LARGE[1]}": large,
        "noise": [(truth, noisy(prediction, classes)) for truth, prediction in pairs],
    }


def noisy(labels, classes):
    rng = np.random.default_rng(0)
    other = rng.integers(0, classes, labels.shape, np.uint8)
    return np.where(rng.random(labels.shape) < 0.5, other, labels)


def matrices(classes):
    """{title: function (truth, prediction) -> (K, K)}."""

    def runs(truth, prediction):
        return pair_counts(truth, prediction, classes)[1:, :classes]

    def bincount(truth, prediction):
        pair = truth.ravel().astype(np.intp) * 256 + prediction.ravel()
        return np.bincount(pair, minlength=65536).reshape(256, 256)[:classes, :classes]

    def histogram(truth, prediction):
        table = cv2.calcHist([truth, prediction], [0, 1], None, [256] * 2, [0, 256] * 2)
        return table[:classes, :classes]

    found = {"tfseg": runs, "NumPy, bincount": bincount, "OpenCV, calcHist": histogram}
    for library in (scikit_learn, torchmetrics, cityscapesscripts):
        try:
            found |= library(classes)
        except ImportError as error:
            print(f"left out: {error}")
    return found


def scikit_learn(classes):
    from sklearn.metrics import confusion_matrix

    names = np.arange(classes)

    def matrix(truth, prediction):
        return confusion_matrix(truth.ravel(), prediction.ravel(), labels=names)

    return {"scikit-learn": matrix}


def torchmetrics(classes):
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    torch.set_num_threads(1)

    def matrix(truth, prediction):
        pair = (torch.from_numpy(labels.astype(np.int64)) for labels in (prediction, truth))
        found = multiclass_confusion_matrix(*pair, classes, ignore_index=VOID, validate_args=False)
        return found.numpy()

    return {"torchmetrics": matrix}


def cityscapesscripts(classes):
    """Cityscapes' evaluator of a pair of files, given decoded images, without instances."""
    name = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    official = importlib.import_module(name)
    official.Image = SimpleNamespace(open=lambda picture: picture)
    official.args.evalInstLevelScore = False

    def matrix(truth, prediction):
        # Its id 0 is void; its 34 ids stand for the classes.
        pair = (Image.fromarray(labels + np.uint8(1)) for labels in (prediction, truth))
        counts = official.generateMatrix(official.args)
        official.evaluatePair(*pair, counts, None, {}, official.args)
        return counts[1 : classes + 1, 1 : classes + 1]

    written = "Cython" if official.CSUPPORT else "Python"
    return {f"cityscapesscripts, {written}": matrix}


def measure(functions, pairs, rounds):
    """Mpixel/s of every function: {title: median}."""
    turns, pixels = Turns(), pairs[0][0].size
    for pair in pairs * rounds:
        wanted, *others = turns.take(functions, *pair).values()
        for found in others:
            np.testing.assert_array_equal(found, wanted)
    return turns.medians(lambda seconds: pixels / seconds / 1e6)


def report_matrix(name, speeds):
    for case, figures in speeds.items():
        show(f"confusion matrix of {name}, {case}, one thread", "Mpixel/s", figures, "tfseg")


def report_frame(classes, cases, rounds):
    """Prints milliseconds per frame of every part."""
    for case, pairs in cases.items():
        figures = measure_parts(classes, pairs, rounds)
        show(f"figures of a frame, {case}, one thread", "ms", figures, MATRIX, digits=2)


def measure_parts(classes, pairs, rounds):
    matrix, every = Tally(classes, boundaries=False), Tally(classes)
    boundaries = Boundaries(len(classes))
    confidence = np.random.default_rng(0).random(pairs[0][0].shape, np.float32)
    parts = {
        MATRIX: lambda pair: matrix.add(*pair),
        "Boundary IoU and BF": lambda pair: boundaries.add(*pair),
        "all, with confidence": lambda pair: every.add(*pair, confidence=confidence),
    }
    turns = Turns()
    for pair in pairs * rounds:
        turns.take(parts, pair)
    return turns.medians(lambda seconds: 1e3 * seconds)


if __name__ == "__main__":
    main()
