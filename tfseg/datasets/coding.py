"""Raw label pixels -> class indices: single-channel values, or colours."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

VOID = 255  # on records and in batches; nowhere else is void a number
MOST_CLASSES = 253

# Tables hold one byte an entry: 0 where nothing is known, 1 + class index, and 255 for void.
_UNKNOWN, _VOID = 0, 255
_TO_INDEX = np.array([VOID, *range(254), VOID], np.uint8)


@dataclass(frozen=True)
class Values:
    """Labels whose pixels are numbers: pairs of raw value 0..255 and class index, or `VOID`."""

    table: tuple[tuple[int, int], ...]

    def apply(self, raw):
        """Raw values uint8 (H, W) -> class indices uint8 (H, W), void and unknown values as 255.

        Also returns the number of pixels that are in no table, and one of them in words (None
        where there is none).
        """
        stored = cv2.LUT(raw, _value_table(self))
        unknown = stored.size - int(np.count_nonzero(stored))
        example = f"value {raw[stored == _UNKNOWN][0]}" if unknown else None
        return cv2.LUT(stored, _TO_INDEX), unknown, example


@dataclass(frozen=True)
class Colors:
    """Labels whose pixels are RGB colours: pairs of (r, g, b) and class index, or `VOID`."""

    table: tuple[tuple[tuple[int, int, int], int], ...]

    def apply(self, raw):
        """Colours uint8 (H, W, 3) -> class indices, and the rest as `Values.apply` has it.

        A pixel's three bytes and a fourth of ones, read as one int32, are its place in a table of
        2^24 entries counted from the end, which is what taking with `wrap` asks for.
        """
        places = cv2.cvtColor(raw, cv2.COLOR_RGB2RGBA).view(np.int32)[..., 0]
        stored = _color_table(self).take(places, mode="wrap")
        unknown = stored.size - int(np.count_nonzero(stored))
        example = None
        if unknown:
            example = "colour " + ",".join(map(str, raw[stored == _UNKNOWN][0]))
        return cv2.LUT(stored, _TO_INDEX), unknown, example


def _stored(index):
    return _VOID if index == VOID else index + 1


@functools.lru_cache(maxsize=8)
def _value_table(coding):
    table = np.zeros(256, np.uint8)
    for value, index in coding.table:
        table[value] = _stored(index)
    return table


@functools.lru_cache(maxsize=8)  # 16 MiB each, of which only the pages that are touched exist
def _color_table(coding):
    table = np.zeros(1 << 24, np.uint8)
    for (red, green, blue), index in coding.table:
        table[red | green << 8 | blue << 16] = _stored(index)
    return table


def indices(count, void=(VOID,)):
    """The coding of labels that hold class indices already, and `void` values."""
    return Values((*((i, i) for i in range(count)), *((value, VOID) for value in void)))
