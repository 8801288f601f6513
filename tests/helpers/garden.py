"""A small generated data set for the doctor, and the doctor's report on it."""

import cv2
import numpy as np
from PIL import Image

from tfseg.datasets.coding import indices
from tfseg.datasets.files import pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.doctor import inspect
from tfseg.labels import VOID

CLASSES = ("soil", "plant", "stone", "sky")
COLORS = ((120, 80, 40), (0, 200, 0), (90, 90, 90), (90, 150, 255))
SIZE = (48, 64)


def image(seed, size=SIZE):
    """Smooth spots, different for every seed."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(spots, size[::-1], interpolation=cv2.INTER_CUBIC)


def label(classes=4, size=SIZE):
    """Vertical stripes of every class, the last column void."""
    stripes = np.repeat(np.arange(size[1]) * classes // size[1], size[0])
    stripes = stripes.reshape(size[::-1]).T.astype(np.uint8)
    stripes[:, -1] = VOID
    return np.ascontiguousarray(stripes)


def draw(folder, labels=label):
    """Writes four frames for train and two for val; `labels()` draws their labels."""
    for split, seeds in (("train", range(4)), ("val", range(4, 6))):
        (folder / split).mkdir(parents=True)
        (folder / f"{split}_labels").mkdir()
        for seed in seeds:
            Image.fromarray(image(seed)).save(folder / split / f"{seed}.png")
            Image.fromarray(labels()).save(folder / f"{split}_labels" / f"{seed}.png")
    return folder


def spec(classes=CLASSES, coding=None):
    """The `DatasetSpec` of what `draw` writes; labels are indices by default."""

    def frames(source, report):
        return {
            split: pair_folders(
                source / split, source / f"{split}_labels", coding or indices(len(classes)), report
            )
            for split in ("train", "val")
        }

    colors = COLORS if classes == CLASSES else ((0, 0, 0), *[(255, 255, 255)] * (len(classes) - 1))
    return DatasetSpec("garden", "A garden", tuple(classes), colors, frames)


def diagnose(capsys, data, **options):
    """(verdict, the report's lines of findings)."""
    capsys.readouterr()
    spoilt = any(finding.spoils for finding in inspect(data, **options))
    lines = capsys.readouterr().out.splitlines()
    return spoilt, [line for line in lines if line.startswith(("problem", "note", "no problem"))]


def void_label(folder):
    Image.fromarray(np.full(SIZE, VOID, np.uint8)).save(folder / "train_labels" / "2.png")
