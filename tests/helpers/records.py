"""Reads the content of records, and of the raw folder they come from."""

import hashlib

import cv2

from tfseg.labels import VOID
from tfseg.records.example import decode


def pixels(split, index):
    return [array.numpy() for array in decode(split.read(index), split.info.encoding)]


def raw_frames(folder):
    """{split: (image, label) pairs} of CamVid's layout, read by OpenCV."""
    for split in ("train", "val"):
        for path in sorted((folder / split).iterdir()):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            label = cv2.imread(str(folder / f"{split}annot" / path.name), cv2.IMREAD_UNCHANGED)
            label[label == 11] = VOID
            yield split, image, label


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def first(folder, split):
    return sorted((folder / split).iterdir())[0]


def write_label(folder, array):
    path = first(folder, "trainannot")
    cv2.imwrite(str(path), array)
    return path
