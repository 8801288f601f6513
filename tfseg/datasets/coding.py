"""Converts raw label pixels, values or colours, to class indices."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from tfseg.labels import VOID

# Tables hold class index XOR 254, so that 0, the content of fresh memory, means unknown.
_MASK = 254
IN_CACHE = 40_000  # pixels looked up at a time, to stay in the cache


@dataclass(frozen=True)
class Values:
    """Labels with numbers as pixels: pairs of raw value 0..255 and class index or `VOID`.

    `channels` accepts the numbers in three equal channels. `soft` gives edge pixels between two
    values the nearer one's class.
    """

    table: tuple[tuple[int, int], ...]
    soft: bool = False
    channels: bool = False

    def apply(self, raw):
        """Raw values uint8 (H, W) -> class indices uint8 (H, W), void and unknown values as 255.

        Also returns the number of unknown pixels, and a text on the first one or None.
        """
        index, unknown, first = _indices(cv2.LUT(raw, _value_table(self)))
        return index, unknown, f"value {raw.flat[first]}" if unknown else None


@dataclass(frozen=True)
class Colors:
    """Labels with RGB colours as pixels: pairs of (r, g, b) and class index or `VOID`.

    `soft` gives colours between two of the table the nearer one's class.
    """

    table: tuple[tuple[tuple[int, int, int], int], ...]
    soft: bool = False

    def apply(self, raw):
        """Colours uint8 (H, W, 3) -> class indices and the other results of `Values.apply`.

        A pixel's three bytes and a fourth, 255, form an int32. It is negative, an index from the
        end of a table of 2^24 entries, which `take` with `wrap` resolves.
        """
        table, stored = _color_table(self), np.empty(raw.shape[:2], np.uint8)
        rows = max(1, IN_CACHE // raw.shape[1])
        for top in range(0, len(raw), rows):
            rgba = cv2.cvtColor(raw[top : top + rows], cv2.COLOR_RGB2RGBA)
            places = rgba.view(np.int32)[..., 0]
            table.take(places, mode="wrap", out=stored[top : top + rows])
        index, unknown, first = _indices(stored)
        color = ",".join(map(str, raw.reshape(-1, 3)[first]))
        return index, unknown, f"colour {color}" if unknown else None


def _indices(stored):
    """(class indices of table entries, in place; number of unknown pixels; index of the first)."""
    unknown, first = stored.size - int(np.count_nonzero(stored)), 0
    if unknown:
        first = int(np.argmin(stored))
        stored[stored == 0] = VOID ^ _MASK
    return np.bitwise_xor(stored, _MASK, out=stored), unknown, first


@functools.lru_cache(maxsize=8)
def _value_table(coding):
    table = np.zeros(256, np.uint8)
    for value, index in coding.table:
        table[value] = index ^ _MASK
    return table


@functools.lru_cache(maxsize=8)  # 16 MiB each, but the system allocates only touched pages
def _color_table(coding):
    table = np.zeros(1 << 24, np.uint8)
    for (red, green, blue), index in coding.table:
        table[red | green << 8 | blue << 16] = index ^ _MASK
    return table


def indices(count, void=(VOID,)):
    """The coding of labels that already hold class indices and the values `void`."""
    return Values((*((i, i) for i in range(count)), *((value, VOID) for value in void)))
