"""Soft edges of masks: pixels between two colours of the table, left by resizing or drawing.

A colour of the table always keeps its class. Another colour takes the nearest class if it is

- close to a colour of the table: within `NEAR`, and within a quarter of the least distance between
  two colours of the table, so that no class's colour can be taken for another's; or
- at an edge, close to the line between two colours of the table, as interpolation produces. In a
  flat area, such a colour is intended: it is a class that the table lacks.
"""

import functools
from itertools import pairwise

import cv2
import numpy as np

NEAR = 8.0  # distance in RGB, in levels
ROUNDING = 2.0  # distance that rounding in three channels can cause, with a margin
MOST = 0.5  # share of a mask's pixels; above it, they cannot be soft edges
AT_ONCE = 1 << 20  # distances computed at once


def soften(coding, raw, index):
    """Gives pixels at soft edges the class of the nearer colour, in `index`.

    Args:
        coding: `Values` or `Colors` that allow soft edges.
        raw: values uint8 (H, W) or colours (H, W, 3).
        index: class indices from `coding.apply`, uint8 (H, W); changed in place.

    Returns:
        (number of pixels that took the nearer class, a text on one or None, number of pixels
        still unknown, a text on one or None).
    """
    keys, classes = _table(coding)
    pixels = raw.reshape(-1, 3 if raw.ndim == 3 else 1)
    places = np.flatnonzero(_unknown(pixels, keys))
    colors, which = np.unique(pixels[places], axis=0, return_inverse=True)
    near, between, nearest = _fit(coding, colors)
    which = which.reshape(-1)
    taken = near[which] | (between[which] & ~_flat(raw).reshape(-1)[places])
    if taken.sum() > MOST * len(pixels):
        taken[:] = False
    index.reshape(-1)[places[taken]] = classes[nearest[which[taken]]]
    word = "value" if raw.ndim == 2 else "colour"
    named = [
        f"{word} {','.join(map(str, pixels[some[0]].tolist()))}" if len(some) else None
        for some in (places[taken], places[~taken])
    ]
    return int(taken.sum()), named[0], int((~taken).sum()), named[1]


@functools.lru_cache(maxsize=8)
def _table(coding):
    """The table's values or colours, float (K, 1 or 3), and their classes uint8 (K,)."""
    keys = np.array([key for key, _ in coding.table], np.float32)
    return keys.reshape(len(keys), -1), np.array([index for _, index in coding.table], np.uint8)


def _unknown(pixels, keys):
    """Whether each pixel (N, C) is none of the keys (K, C)."""
    packed, known = (_packed(array.astype(np.int32)) for array in (pixels, keys))
    return ~np.isin(packed, known)


def _packed(colors):
    return colors @ (256 ** np.arange(colors.shape[1], dtype=np.int32))


def _flat(raw):
    """Pixels that equal all their neighbours, bool (H, W)."""
    kernel = np.ones((3, 3), np.uint8)
    least, most = (f(raw, kernel, borderType=cv2.BORDER_REPLICATE) for f in (cv2.erode, cv2.dilate))
    same = least == most
    return same if same.ndim == 2 else same.all(axis=2)


def _fit(coding, colors):
    """For colours (U, C): near one of the table, between two, and the index of the nearer one."""
    keys, _ = _table(coding)
    least = _least_distance(coding)
    near_by = min(NEAR, least / 4)
    parts = max(1, AT_ONCE // (len(keys) * keys.shape[1]))
    near, between, nearest = (np.zeros(len(colors), kind) for kind in (bool, bool, np.int64))
    for start, end in pairwise([*range(0, len(colors), parts), len(colors)]):
        some = colors[start:end].astype(np.float32)
        distance = np.linalg.norm(some[:, None] - keys, axis=2)
        nearest[start:end] = distance.argmin(axis=1)
        near[start:end] = distance.min(axis=1) <= near_by
        between[start:end], ends = _between(some, keys, distance, max(ROUNDING, near_by))
        nearest[start:end] = np.where(near[start:end], nearest[start:end], ends)
    return near, between, nearest


def _between(colors, keys, distance, within):
    """(whether each colour is near a line between two keys, index of the nearer end)."""
    best = np.full(len(colors), np.inf, np.float32)
    ends = distance.argmin(axis=1)
    rows = np.arange(len(colors))
    for first, key in enumerate(keys):
        line = keys - key  # to every other key
        length = (line**2).sum(axis=1)
        length[first] = np.inf
        along = (colors - key) @ line.T / length
        off = (colors - key)[:, None] - np.clip(along, 0, 1)[..., None] * line
        off = np.where(along <= 0.5, np.linalg.norm(off, axis=2), np.inf)  # `first` is nearer
        found = off.min(axis=1)
        closer = (found < best) | ((found == best) & (distance[rows, first] < distance[rows, ends]))
        best, ends = np.where(closer, found, best), np.where(closer, first, ends)
    return best <= within, ends


@functools.lru_cache(maxsize=8)
def _least_distance(coding):
    keys, _ = _table(coding)
    distance = np.linalg.norm(keys[:, None] - keys, axis=2)
    np.fill_diagonal(distance, np.inf)
    return float(distance.min(initial=np.inf))
