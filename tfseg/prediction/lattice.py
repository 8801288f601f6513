"""Gaussian filtering in any number of dimensions on the permutohedral lattice.

Adams, Baek & Davis (2010), "Fast High-Dimensional Filtering Using the Permutohedral Lattice".
"""

import functools
import itertools

import numpy as np
import tensorflow as tf

from tfseg.errors import UserError

BLOCK = 8192  # positions at a time, so that arrays stay in the cache


class Lattice:
    """The filter Σ_j exp(−½‖f_i − f_j‖²) v_j, in linear time, for features f (N, d).

    A lattice point is a vector of d integers m = (y − y_d) / (d + 1), with y the d + 1 coordinates
    of the paper, packed into one integer. So a step in any of the d + 1 directions adds a constant.

    `weights` (N, d + 1) float32 are each position's barycentric weights, `points` (N, d + 1) int32
    their lattice points, `neighbours` (d + 1, 2, size) the points before and after every point in
    every direction; a missing one is `size`.

    Raises `UserError` for features that are not finite or too far apart for float32.
    """

    def __init__(self, features):
        features = np.asarray(features, np.float32)
        whole = len(features)
        if whole % 4:
            # The authors' code pads to a multiple of 4 with zeros, which add lattice points.
            features = np.pad(features, ((0, -whole % 4), (0, 0)))
        count, dimensions = features.shape
        strides, low = _packing(features)
        steps = np.append(strides, -strides.sum())
        keys = np.empty((count, dimensions + 1), np.int64)
        self.weights = np.empty((count, dimensions + 1), np.float32)
        for start in range(0, count, BLOCK):
            part = slice(start, start + BLOCK)
            _simplices(features[part], low, steps, keys[part], self.weights[part])
        unique, points = tf.unique(keys.reshape(-1))
        self.points = points.numpy().reshape(keys.shape)[:whole]
        self.weights = self.weights[:whole]
        self.size = int(unique.shape[0])
        self.neighbours = _neighbours(unique.numpy(), steps)

    def filter(self, values):
        """The filtered `values` (N, C) float32."""
        matrix = interpolation([self.points], [self.weights], self.size)
        return matrix @ self.blur(matrix.T @ values)

    @functools.cached_property
    def total(self):
        """The filter of ones, (N,), for normalisation."""
        return self.filter(np.ones((len(self.points), 1), np.float32))[:, 0]

    def blur(self, values):
        """Blurs the values of the lattice points (size, C) by (½, 1, ½) in every direction."""
        padded = np.zeros((self.size + 1, values.shape[1]), np.float32)
        padded[:-1] = values
        for before, behind in self.neighbours:
            around = padded[before]
            around += padded[behind]
            around *= 0.5
            padded[:-1] += around
        directions = len(self.neighbours)
        return padded[:-1] * np.float32(1 / (1 + 2.0 ** (1 - directions)))


def interpolation(points, weights, size):
    """A sparse matrix (N, size) with the same number of entries in every row."""
    points, weights = np.concatenate(points, axis=1), np.concatenate(weights, axis=1)
    starts = np.arange(0, points.size + 1, points.shape[1], dtype=np.int32)
    entries = weights.reshape(-1), points.reshape(-1), starts
    from scipy.sparse import csr_matrix  # an extra; `CRF` checks that it is installed

    return csr_matrix(entries, shape=(len(points), size), copy=False)


def _simplices(features, low, steps, keys, weights):
    """Fills in the simplex around every position: `keys` and `weights` (N, d+1)."""
    count, dimensions = features.shape
    elevated = _elevate(features.T)
    nearest = np.rint(elevated * np.float32(1 / (dimensions + 1)))
    residue = elevated - nearest * (dimensions + 1)
    rank = _ranks(residue)
    # Rounding leaves the plane of the lattice; correct the coordinates that were rounded most.
    rank += nearest.sum(axis=0).astype(np.int8)
    wrap = (rank < 0).astype(np.int8) - (rank > dimensions)
    rank += wrap * np.int8(dimensions + 1)
    nearest += wrap
    residue -= wrap * np.float32(dimensions + 1)
    residue *= np.float32(1 / (dimensions + 1))
    key = steps[:-1] @ ((nearest[:-1] - nearest[-1]).astype(np.int64) - low[:, None])
    slots = rank.astype(np.intp) * count + np.arange(count)
    ordered, step = np.empty_like(residue), np.empty(residue.shape, np.int64)
    ordered.reshape(-1)[slots] = residue
    step.reshape(-1)[slots] = steps[:, None]
    weights[:, 0] = 1 + ordered[-1] - ordered[0]
    weights[:, 1:] = (ordered[:-1] - ordered[1:])[::-1].T
    keys[:, 0] = key
    keys[:, 1:] = (key - np.cumsum(step[:0:-1], axis=0)).T


def _elevate(features):
    """The positions (d, N) in the plane Σy = 0 of d + 1 coordinates, in the paper's units.

    The operations are in the order of the authors' code: for a position between two simplices, the
    last bit decides on the lattice points.
    """
    dimensions = len(features)
    elevated = np.empty((dimensions + 1, features.shape[1]), np.float32)
    total = np.zeros(features.shape[1], np.float32)
    spread = float(np.float32(np.sqrt(2 / 3) * (dimensions + 1)))
    for axis in range(dimensions, 0, -1):
        scale = 1 / np.sqrt(axis * (axis + 1)) * spread
        part = features[axis - 1] * np.float32(scale)
        elevated[axis] = total - axis * part
        total += part
    elevated[0] = total
    return elevated


def _ranks(residue):
    """For each residue, how many of its position are greater, (d+1, N) int8."""
    rank = np.zeros(residue.shape, np.int8)
    for first, second in itertools.combinations(range(len(residue)), 2):
        less = residue[first] < residue[second]
        rank[first] += less
        rank[second] += ~less
    return rank


def _packing(features):
    """Strides (d,) that pack a point into one integer, and the least coordinates (d,).

    There is a margin of a step beyond the outermost points, so that no two share an integer.
    """
    columns = [(column.min(), column.max()) for column in features.T]
    unit = _elevate(np.eye(len(columns), dtype=np.float32)) / (len(columns) + 1)
    ends = (unit[:-1] - unit[-1])[..., None] * np.array(columns, np.float64)
    low = np.floor(ends.min(axis=2).sum(axis=1)) - 3
    extent = np.ceil(ends.max(axis=2).sum(axis=1)) + 4 - low
    if not (extent.max() < 2.0**20 and extent.prod() < 2.0**62):
        raise UserError(
            f"the CRF's features reach {np.abs(features).max():g} standard deviations; "
            "give a larger standard deviation (sxy, srgb)"
        )
    return np.cumprod([1, *extent[:-1]]).astype(np.int64), low.astype(np.int64)


def _neighbours(keys, steps):
    """The points before and after every point, (d+1, 2, size) int32; a missing one is `size`."""
    order = np.argsort(keys)
    ranked = keys[order]
    size = len(keys)
    neighbours = np.full((len(steps), 2, size), size, np.int32)
    for (before, behind), step in zip(neighbours, steps, strict=True):
        place = np.searchsorted(ranked, ranked + step)
        place[place == size] = 0
        found = ranked[place] == ranked + step
        before[order[found]] = order[place[found]]
        behind[order[place[found]]] = order[found]
    return neighbours
