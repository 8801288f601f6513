"""Draws a raw folder and keeps the expected result."""

import numpy as np
from PIL import Image

SIZE = (6, 8)


class Raw:
    """Draws a raw folder and keeps the expected {split: {id: (image, label)}}."""

    def __init__(self, folder):
        self.folder, self.wanted, self.rng = folder, {}, np.random.default_rng(0)

    def save(self, path, pixels, palette=None):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels)
        if palette:
            picture.putpalette(palette)
        picture.save(path)
        return path

    def image(self, path, size=SIZE):
        """Writes an image of noise; returns its decoded pixels."""
        path = self.save(path, self.rng.integers(0, 256, (*size, 3), np.uint8))
        return np.asarray(Image.open(path))

    def pick(self, rows):
        """A random label from `rows`, pairs of (raw, class index): (raw pixels, indices)."""
        place = self.rng.integers(0, len(rows), SIZE)
        place.flat[: len(rows)] = np.arange(len(rows))[: place.size]  # every row, if there is room
        raw, index = (np.array(column, np.uint8)[place] for column in zip(*rows, strict=True))
        return raw, index

    def frame(self, split, name, image, label, rows, palette=None):
        raw, index = self.pick(rows)
        shown = self.image(image)
        self.save(label, raw, palette)
        self.wanted.setdefault(split, {})[name] = (shown, index)
