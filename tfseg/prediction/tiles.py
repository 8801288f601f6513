"""Images in overlapping tiles, whose probabilities are blended."""

import numpy as np


def blended(shape, tile, overlap, predict):
    """Yields (rows, columns, probabilities (h, w, K)) of slices that cover an image once.

    A block is given as soon as its last tile is known, so that beside the tiles only what two rows
    of tiles share is kept, in half precision.

    Args:
        shape: (H, W) of the picture.
        tile: side of the tiles, pixels; smaller where the image is.
        overlap: the share of a tile, 0 to below 1, that it has in common with its neighbours.
        predict: function (rows, columns) -> probabilities float32 (h, w, K) of that window.
    """
    down, across = (_spans(length, tile, overlap) for length in shape)
    above = None  # what the last row of tiles gave to this one, weighted
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
    """(start, where the next one starts, weights) of the tiles along an axis.

    At every pixel the weights add up to 1.
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
