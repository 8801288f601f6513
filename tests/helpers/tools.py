"""Helpers for tests of annotation tools' exports."""

import json

import numpy as np
from PIL import Image

from helpers.records import pixels
from tfseg.datasets import get_dataset, recognise
from tfseg.records.convert import convert
from tfseg.records.reader import open_records

SIZE = (40, 48)


def write(path, content):
    """Writes text, or anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def photo(path, seed=0, size=SIZE):
    """Writes an image of noise; returns its decoded pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return np.asarray(Image.open(path))


def filled(*boxes, background=0):
    """A label with boxes (top, bottom, left, right, index), ends inclusive, later over earlier."""
    label = np.full(SIZE, background, np.uint8)
    for top, bottom, left, right, index in boxes:
        label[top : bottom + 1, left : right + 1] = index
    return label


def check(folder, dataset, classes, wanted, **options):
    """Recognises and converts a folder; compares it with {split: [(image or None, label)]}."""
    assert recognise(folder) == [dataset]
    spec = get_dataset(dataset, folder, **options)
    out = folder.parent / "out"
    records = open_records(convert(spec, folder, out, workers=1, overwrite=True))
    assert records.info.classes == classes
    assert set(records.splits) == set(wanted)
    for split, frames in wanted.items():
        assert len(records.splits[split]) == len(frames)
        for place, (image, label) in enumerate(frames):
            found = pixels(records.splits[split], place)
            if image is not None:
                np.testing.assert_array_equal(found[0], image)
            np.testing.assert_array_equal(found[1], label)


def check_faults(dataset, folder, parts):
    """Asserts that listing the frames reports faults that contain `parts`, in order."""
    faults = []
    spec = get_dataset(dataset, folder)
    spec.list_frames(folder, lambda message, spoils=True: faults.append(message))
    for fault, part in zip(faults, parts, strict=True):
        assert part in fault
