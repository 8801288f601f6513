"""Predicts images in overlapping tiles and blends their probabilities."""

import numpy as np


def blended(shape, tile, overlap, predict):
    """Yields (rows, columns, probabilities (h, w, K)) of slices that cover an image once.

    It yields a block as soon as its last tile is predicted, so it only keeps the overlap of two
    rows of tiles, in half precision.

    Args:
        shape: (H, W) of the image.
        tile: side of the tiles, pixels; at most the image's side.
        overlap: share of a tile, 0 to below 1, that it has in common with its neighbours.
        predict: function (rows, columns) -> probabilities float32 (h, w, K) of that window.
    """
    down, across = (_spans(length, tile, overlap) for length in shape)
    above = None  # weighted overlap of the previous row of tiles
    for top, bottom, weights in down:
        below, before = None, None
        for left, right, others in across:
            window = slice(top, top + len(weights)), slice(left, left + len(others))
            block = predict(*window) * (weights[:, None] * others)[..., None]
            if before is not None:
                block[:, : before.shape[1]] += before
            before, block = block[:, right - left :].copy(), block[:, : right - left]
            if above is not None:
                block[: len(above)] += above[:, left:right]
            shared = block[bottom - top :]
            if below is None:
                below = np.zeros((len(shared), shape[1], shared.shape[2]), np.float16)
            below[:, left:right] = shared
            yield slice(top, bottom), slice(left, right), block[: bottom - top]
        above = below


def _spans(length, tile, overlap):
    """[(start, start of the next, weights)] of the tiles along an axis.

    The weights add up to 1 at every pixel.
    """
    tile = min(tile, length)
    shared = min(tile - 1, round(tile * overlap))
    starts = [*range(0, length - tile, tile - shared), length - tile]
    ramp = np.minimum(np.arange(tile) + 0.5, tile - 0.5 - np.arange(tile)) / max(1, shared)
    weight, total = np.minimum(1, ramp).astype(np.float32), np.zeros(length, np.float32)
    for start in starts:
        total[start : start + tile] += weight
    ends = [*starts[1:], length]
    return [
        (start, end, weight / total[start : start + tile])
        for start, end in zip(starts, ends, strict=True)
    ]
