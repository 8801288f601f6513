"""The fully connected CRF: sharpens class probabilities along the edges of the image.

Krähenbühl & Koltun (2011), "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials": every pixel is connected to every other, more strongly if they are nearer and more
similar in colour.
"""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tfseg.errors import UserError, require, unknown
from tfseg.labels import VOID
from tfseg.metrics import pair_counts, scores
from tfseg.prediction.lattice import Lattice, interpolation

# Functions of n, the kernel applied to ones, that scale the kernel's (input, output).
NORMALIZATIONS = {
    "symmetric": (lambda n: n**-0.5, lambda n: n**-0.5),
    "before": (lambda n: 1 / n, np.ones_like),
    "after": (np.ones_like, lambda n: 1 / n),
    "none": (np.ones_like, np.ones_like),
}
LEAST = 1e-5  # smaller probabilities are raised to this, so that every logarithm is finite
BLOCK = 8192  # pixels at a time, so that arrays stay in the cache

GRID = {
    "gaussian_compat": (0, 3),
    "bilateral_sxy": (5, 20, 80),
    "bilateral_srgb": (5, 13),
    "bilateral_compat": (1, 3, 10),
}


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One pairwise potential μ(a, b) exp(−½‖f_i − f_j‖²).

    `lattice` is a `Lattice` of features f (N, d). `compat` is μ: a number w rewards equal labels
    (Potts); a vector (K,) is the cost of equal labels per class, so negative values smooth; a
    matrix (K, K), made symmetric, is the cost of every pair. `normalization` by the kernel's row
    sums is "symmetric", "before" or "after" filtering, or "none".
    """

    lattice: Lattice
    compat: object = 1.0
    normalization: str = "symmetric"

    def __post_init__(self):
        require("--crf", "scipy", "crf")
        if self.normalization not in NORMALIZATIONS:
            raise unknown("normalization", self.normalization, NORMALIZATIONS)

    def scales(self):
        """The factors of the filter's input and output, (N,) each."""
        total = self.lattice.total + np.float32(1e-20)
        before, after = NORMALIZATIONS[self.normalization]
        return before(total), after(total)

    def message(self, values):
        """The kernel's contribution to the logits at its points (size, K), before interpolation.

        Compatibility commutes with interpolation, and there are fewer points than pixels.
        """
        compat = _compat(self.compat, values.shape[1])
        blurred = self.lattice.blur(values)
        return blurred @ compat if compat.ndim == 2 else blurred * compat


def mean_field(unary, kernels, iterations=5):
    """Class probabilities (N, K) float32 after mean-field inference (section 3, algorithm 1).

    `unary` (N, K) holds −log p; `kernels` are any number of `Kernel`s over the same N positions.
    Updates are parallel; a position's message to itself is kept, as in the authors' code.
    """
    unary = np.ascontiguousarray(unary, np.float32)
    probabilities = -unary
    _softmax(probabilities)
    if not kernels:
        return probabilities
    if any(len(kernel.lattice.points) != len(unary) for kernel in kernels):
        raise UserError(f"kernels and unary differ in size; give features for {len(unary)} pixels")
    splat, gather, borders = _matrices(kernels)
    for _ in range(iterations):
        points = np.split(splat.T @ probabilities, borders)
        messages = [kernel.message(part) for kernel, part in zip(kernels, points, strict=True)]
        probabilities = gather @ np.concatenate(messages)
        _softmax(probabilities, unary)
    return probabilities


@dataclasses.dataclass(frozen=True)
class CRF:
    """Fully connected CRF with a Gaussian and a bilateral kernel.

    `CRF()(image, probabilities)` takes an image (H, W, 3) uint8 and probabilities (H, W, K), and
    returns refined ones, float32. `gaussian_sxy` and `bilateral_sxy` are standard deviations in
    pixels, a number or a pair (x, y); `bilateral_srgb` is in gray levels. A compat is a number, a
    vector or a matrix (tuples or arrays), as in `Kernel`; 0 disables the kernel. The defaults, a
    weak refinement, were best for LinkNet on CamVid's val; `tune` finds those of another network.

    Raises `UserError` for invalid parameters, images or probabilities.
    """

    iterations: int = 3
    gaussian_sxy: float | tuple = 1.0
    gaussian_compat: object = 0.0
    bilateral_sxy: float | tuple = 5.0
    bilateral_srgb: float = 5.0
    bilateral_compat: object = 1.0
    normalization: str = "symmetric"

    def __post_init__(self):
        require("--crf", "scipy", "crf")
        if self.normalization not in NORMALIZATIONS:
            raise unknown("normalization", self.normalization, NORMALIZATIONS)
        if not isinstance(self.iterations, (int, np.integer)) or self.iterations < 0:
            raise UserError(f"iterations={self.iterations!r}: give a whole number, 0 or more")
        for name in ("gaussian_sxy", "bilateral_sxy", "bilateral_srgb"):
            value = getattr(self, name)
            if not _positive(value, ((),) if name == "bilateral_srgb" else ((), (2,))):
                raise UserError(f"{name}={value!r}: give a standard deviation above 0")

    def __call__(self, image, probabilities):
        image, probabilities = _checked(image, probabilities)
        return self._infer(probabilities, self._kernels(image, {}))

    def _infer(self, probabilities, kernels):
        unary = -np.log(np.clip(probabilities, LEAST, 1))
        flat = unary.reshape(-1, unary.shape[-1])
        return mean_field(flat, kernels, self.iterations).reshape(unary.shape)

    def _kernels(self, image, lattices):
        """The kernels for an image; `lattices` {scales: Lattice} caches its lattices."""
        parts = (
            (self.gaussian_compat, self.gaussian_sxy, None),
            (self.bilateral_compat, self.bilateral_sxy, self.bilateral_srgb),
        )
        kernels = []
        for compat, sxy, srgb in parts:
            if np.any(compat):
                scales = (*np.broadcast_to(sxy, 2).tolist(), srgb)
                if scales not in lattices:
                    lattices[scales] = Lattice(features(image, sxy, srgb))
                kernels.append(Kernel(lattices[scales], compat, self.normalization))
        return kernels


def features(image, sxy, srgb=None):
    """A kernel's features (H·W, 2 or 5) float32: x and y / sxy and, with `srgb`, colours / srgb."""
    height, width = image.shape[:2]
    scale_x, scale_y = np.broadcast_to(np.float32(sxy), 2)
    out = np.empty((height, width, 2 if srgb is None else 5), np.float32)
    out[..., 0] = np.arange(width, dtype=np.float32) / scale_x
    out[..., 1] = np.arange(height, dtype=np.float32)[:, None] / scale_y
    if srgb is not None:
        np.divide(image, np.float32(srgb), out=out[..., 2:], dtype=np.float32)
    return out.reshape(height * width, -1)


class Tuning(NamedTuple):
    """The best parameters, their mIoU, and the mIoU of the unrefined probabilities (0–1)."""

    crf: CRF
    miou: float
    plain: float


def tune(frames, grid=None, base=None):
    """The parameters with the best mIoU, a `Tuning`.

    `frames` yields (image (H, W, 3) uint8, probabilities (H, W, K), truth (H, W) uint8 with
    255 = void), once. It tries all combinations of `grid` {field of CRF: values}, by default
    `GRID`; other fields are `base`'s. Do not tune on the frames you measure with.
    """
    base, grid = base or CRF(), GRID if grid is None else grid
    names = [field.name for field in dataclasses.fields(CRF)]
    for name in set(grid) - set(names):
        raise unknown("parameter of the CRF", name, names)
    candidates = [
        dataclasses.replace(base, **dict(zip(grid, values, strict=True)))
        for values in itertools.product(*grid.values())
    ]
    counts = sum(_frame_counts(candidates, *frame) for frame in tqdm(frames, "CRF", unit="frame"))
    if not np.sum(counts):
        raise UserError("tuning the CRF found no labelled pixel; give frames with labels")
    plain, *mious = [float(scores(matrix)["miou"]) for matrix in counts]
    best = int(np.argmax(mious))
    return Tuning(candidates[best], mious[best], plain)


def _frame_counts(candidates, image, probabilities, truth):
    """Confusion matrices of the plain probabilities and of every candidate, (1 + C, K, K)."""
    image, probabilities = _checked(image, probabilities)
    classes = probabilities.shape[-1]
    if truth.shape != image.shape[:2] or np.any((truth >= classes) & (truth != VOID)):
        raise UserError(
            f"truth {truth.shape} up to {truth.max()}: give {image.shape[:2]} with classes below "
            f"{classes} or {VOID} for void"
        )
    lattices = {}
    refined = (crf._infer(probabilities, crf._kernels(image, lattices)) for crf in candidates)
    return np.stack(
        [
            pair_counts(truth, found.argmax(axis=-1).astype(np.uint8), classes)[1:, :classes]
            for found in itertools.chain([probabilities], refined)
        ]
    )


def _matrices(kernels):
    """All kernels' interpolation matrices, for input and output, and where to split the points."""
    lattices = [kernel.lattice for kernel in kernels]
    ends = np.cumsum([lattice.size for lattice in lattices])
    points = [m.points + np.int32(end - m.size) for m, end in zip(lattices, ends, strict=True)]

    def matrix(scales):
        weights = [m.weights * scale[:, None] for m, scale in zip(lattices, scales, strict=True)]
        return interpolation(points, weights, ends[-1])

    splat, gather = zip(*(kernel.scales() for kernel in kernels), strict=True)
    if all(kernel.normalization in ("symmetric", "none") for kernel in kernels):
        both = matrix(gather)
        return both, both, ends[:-1]
    return matrix(splat), matrix(gather), ends[:-1]


def _compat(compat, classes):
    """The factor of filtered probabilities in the logits: (), (K,) or (K, K) float32."""
    value = np.asarray(compat, np.float32)
    if not np.isfinite(value).all() or value.shape not in ((), (classes,), (classes, classes)):
        raise UserError(
            f"compat of shape {value.shape}: give a finite number, {classes} numbers or a "
            f"{classes}×{classes} matrix for {classes} classes"
        )
    if value.ndim == 2:
        value = (value + value.T) / 2
    return -value if value.ndim else value


def _softmax(logits, unary=None):
    """Turns logits (N, K) minus `unary` into probabilities, in place."""
    ones = np.ones(logits.shape[1], np.float32)
    for start in range(0, len(logits), BLOCK):
        block = logits[start : start + BLOCK]
        if unary is not None:
            block -= unary[start : start + BLOCK]
        top = block[:, 0].copy()
        for column in block.T[1:]:  # several times faster than max(axis=1) for few classes
            np.maximum(top, column, out=top)
        block -= top[:, None]
        np.exp(block, out=block)
        block /= (block @ ones)[:, None]


def _checked(image, probabilities):
    image, probabilities = np.asarray(image), np.asarray(probabilities, np.float32)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise UserError(f"image {image.shape} {image.dtype}: the CRF takes (H, W, 3) uint8")
    if probabilities.ndim != 3 or probabilities.shape[:2] != image.shape[:2]:
        raise UserError(
            f"probabilities {probabilities.shape}: give {image.shape[:2]} and the classes, "
            "for an image of that size"
        )
    low, high = probabilities.min(), probabilities.max()
    if not (low >= 0 and high <= 1.001):
        raise UserError(f"probabilities from {low:g} to {high:g}: apply softmax to logits first")
    return image, probabilities


def _positive(value, shapes):
    try:
        value = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        return False
    return value.shape in shapes and bool(np.all(np.isfinite(value) & (value > 0)))
