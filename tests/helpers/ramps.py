"""Frames whose pixels encode their position, and a generator with fixed draws."""

import numpy as np

SEEDS = range(20)


def rng(seed=0):
    return np.random.default_rng(seed)


def ramp(height, width):
    """A frame whose pixels encode their position: image (row, column, 0), label the row."""
    rows, columns = np.indices((height, width), np.uint8)
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    image.flags.writeable = rows.flags.writeable = False  # an op that writes into its input fails
    return image, rows


class Turn:
    """Draws given values: the factor, the place of the window, the angle."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def uniform(self, low, high):
        return self.draws.pop(0)

    def integers(self, low, high, endpoint):
        return self.draws.pop(0)
