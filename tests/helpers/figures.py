"""Random truths and predictions, and their metrics."""

import numpy as np

from tfseg.datasets.cityscapes import LABELS
from tfseg.evaluation.figures import Tally, cityscapes_prediction
from tfseg.evaluation.instances import CLASSES

VOID = 255
NAMES = ("road", "tree", "sky")
TRAIN_IDS = np.array([label.train_id for label in LABELS], np.uint8)


def blobs(rng, size, values, blob=6):
    """A label map of blocks about `blob` pixels wide, some of them shifted by a pixel or two."""
    height, width = size
    coarse = rng.choice(np.array(values), (height // blob + 2, width // blob + 2))
    rows = (np.arange(height) + rng.integers(0, 3, height)) // blob
    columns = (np.arange(width) + rng.integers(0, 3, width)) // blob
    return coarse[rows[:, None], columns].astype(np.uint8)


def disturbed(rng, labels, values, share=0.2):
    """Labels with some pixels and a block of something else."""
    noise = rng.random(labels.shape) < share
    result = np.where(noise, rng.choice(np.array(values), labels.shape), labels).astype(np.uint8)
    height, width = labels.shape
    result[height // 3 : height // 2, width // 4 : width // 2] = rng.choice(values)
    return result


def frames(seed=0, count=5, classes=3):
    """(truth, prediction) pairs with void in the truth, and 7 and 255, no class, predicted."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        truth = blobs(rng, (31 + index, 47 - index), [*range(classes), VOID])
        few = disturbed(rng, blobs(rng, truth.shape, [0, 1, 7, VOID]), range(classes), 0.05)
        yield truth, np.where(rng.random(truth.shape) < 0.7, truth, few) if index % 2 else few


def tallied(pairs, names=NAMES):
    tally = Tally(names)
    for pair in pairs:
        tally.add(*pair)
    return tally


def flat(results):
    """{path: value} of nested results."""
    if not isinstance(results, dict | list):
        return {"": results}
    items = results.items() if isinstance(results, dict) else enumerate(results)
    return {f"{key}/{path}": v for key, inner in items for path, v in flat(inner).items()}


def draw(rng, size=(96, 160)):
    """A frame of Cityscapes: label ids uint8, instance ids uint16, predicted ids uint8."""
    ids = blobs(rng, size, range(34), 12)
    instance = ids.astype(np.uint16)
    with_objects = [label.id for label in LABELS if label.has_instances]
    for number in range(40):
        label = rng.choice(with_objects)
        top, left = (rng.integers(0, length - 5) for length in size)
        place = np.s_[top : top + rng.integers(2, 20), left : left + rng.integers(2, 30)]
        ids[place] = label
        group = number % 5 == 0
        instance[place] = label if group else label * 1000 + number // 3
    predicted = disturbed(rng, ids, range(34), 0.3)
    vehicles = [label.id for label in LABELS if label.category == "vehicle"]
    swap = np.isin(ids, vehicles) & (rng.random(size) < 0.5)
    predicted[swap] = rng.choice(vehicles, swap.sum())
    return ids, instance, predicted


def cityscapes_tally(drawn):
    tally = Tally(CLASSES)
    for ids, instance, predicted in drawn:
        tally.add(TRAIN_IDS[ids], cityscapes_prediction(predicted), instance)
    return tally
