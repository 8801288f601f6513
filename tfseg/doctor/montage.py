"""Labelled samples in colour, single or as a sheet."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from tfseg.errors import UserError
from tfseg.records.example import encode_png
from tfseg.visualize import legend, overlay

MOST, COLUMNS = 12, 4
WIDTH = 240  # pixels of an image in the sheet


@dataclass(frozen=True)
class Sample:
    """A frame next to its overlaid label, uint8 (H, 2 W, 3), and its file."""

    where: str
    pair: np.ndarray


def samples(data):
    """Evenly spaced frames of the first split that has any, scaled to one size."""
    split = next((name for name, frames in data.sizes.items() if frames), None)
    if split is None:
        return []
    found, frames, size = [], data.sizes[split], None
    count = min(MOST, frames)
    for i in range(count):
        index = i * frames // count
        try:
            image, label = data.load(split, index)
        except UserError:
            continue  # the findings report it
        if image.shape[:2] != label.shape:
            continue
        pair = np.concatenate([image, overlay(image, label, data.colors, alpha=0.7)], axis=1)
        size = size or _tile(*label.shape)
        pair = ImageOps.pad(Image.fromarray(pair), size, color="white")
        found.append(Sample(data.where(split, index), np.asarray(pair)))
    return found


def _tile(height, width):
    """(width, height) of a pair whose images are at most `WIDTH` pixels wide."""
    shrink = max(1, width / WIDTH)
    return 2 * round(width / shrink), max(1, round(height / shrink))


def sheet(found, classes, colors):
    """PNG bytes of the samples in rows, with a legend below."""
    tiles = [sample.pair for sample in found]
    columns = min(COLUMNS, len(tiles))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    picture = np.concatenate(rows)
    names = legend(classes, colors, picture.shape[1])
    return encode_png(np.concatenate([picture, names])[..., ::-1])
