"""Augmentation of a training frame: pure functions of (image, label, rng, strength).

Image uint8 (H, W, 3), label uint8 (H, W), void 255. The results are also uint8; the input stays
unchanged. Geometric changes move both, the label by nearest neighbour; colour changes affect only
the image. `rng` is a `numpy.random.Generator`: equal state, equal result. OpenCV does the
arithmetic because it stays in uint8: TensorFlow's kernels convert to float32 and take several
times as long.
"""

from collections.abc import Callable
from itertools import groupby
from statistics import NormalDist
from typing import NamedTuple

import cv2
import numpy as np

from tfseg.errors import UserError, unknown
from tfseg.labels import VOID

# Padding of small frames: ImageNet's mean, which normalisation turns into zero.
PADDING = (124, 116, 104)

# The usual matrix (Microsoft, 2003); rows and columns are red, green, blue.
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])

# 256 equally likely values of a normal variable, to turn random bytes into noise.
NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])


TRIES = 10  # windows to choose a crop from if it must show a class
MOST = 0.75  # largest share of one class in such a crop


def training_frame(image, label, rng, size, scale=(1.0, 1.0), augment=(), shown=None):
    """Takes a random crop of `size` (h, w) from a frame, then applies `augment`.

    `augment` is (name, strength) pairs in the order of `AUGMENTATIONS`; see `parse_augment`. If
    the frame has a pixel of the class `shown`, the crop has one too.
    """
    strengths = dict(augment)
    rotate, pick = strengths.pop("rotate", 0.0), int(strengths.pop("pick", 0))
    image, label = random_crop(image, label, rng, size, scale, rotate, shown)
    looks = [name for name in strengths if name != "flip"]
    if 0 < pick < len(looks):
        for name in rng.choice(looks, len(looks) - pick, replace=False):
            del strengths[name]
    # Adjacent changes with the same function are applied in one call, so pixels are rounded once.
    for change, names in groupby(strengths, key=lambda name: AUGMENTATIONS[name].change):
        image, label = change(image, label, rng, **{name: strengths[name] for name in names})
    return image, label


def random_crop(image, label, rng, size, scale=(1.0, 1.0), rotate=0.0, shown=None):
    """Scales the frame by a random factor in `scale` and takes a crop of `size` (h, w), rotated by
    up to `rotate` degrees either way.

    Only the window of the crop is resized: h/factor × w/factor pixels of the frame, rounded.
    Outside the frame, the crop has padding with void labels.
    """
    height, width = size
    vertical, horizontal = _windows(label, rng, size, scale, shown)
    rows, top, above, below = vertical
    columns, left, before, after = horizontal
    if rotate:
        corner = top - above, left - before
        window = above + rows + below, before + columns + after
        return _turned(image, label, corner, window, size, rng.uniform(-rotate, rotate))
    image = image[top : top + rows, left : left + columns]
    label = label[top : top + rows, left : left + columns]
    if above or below or before or after:
        sides = (above, below, before, after, cv2.BORDER_CONSTANT)
        image = cv2.copyMakeBorder(image, *sides, value=PADDING)
        label = cv2.copyMakeBorder(label, *sides, value=VOID)
    if label.shape == (height, width):
        return image, label
    # Both interpolations use pixel centres, so image and label stay aligned.
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image, cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def _windows(label, rng, size, scale, shown):
    """The windows of a crop on both axes, see `_window`.

    With `shown`, it tries windows around random pixels of that class and returns the first that
    no class dominates, or else the least dominated (mmsegmentation's `cat_max_ratio`).
    """
    pixels = () if shown is None else np.flatnonzero(label == shown)
    best, least = None, 2.0
    for _ in range(TRIES if len(pixels) else 1):
        pixel = divmod(int(rng.choice(pixels)), label.shape[1]) if len(pixels) else (None, None)
        factor = rng.uniform(*scale)
        windows = [
            _window(rng, length, max(1, round(side / factor)), at)
            for length, side, at in zip(label.shape, size, pixel, strict=True)
        ]
        if not len(pixels):
            return windows
        rows, columns = (slice(start, start + count) for count, start, _, _ in windows)
        counts = np.bincount(label[rows, columns].ravel(), minlength=VOID + 1)[:VOID]
        filled = counts.max() / counts.sum()
        if filled <= MOST:
            return windows
        if filled < least:
            best, least = windows, filled
    return best


def _window(rng, length, wanted, at=None):
    """A random window of `wanted` pixels on an axis of `length`, inside if it fits, around `at`.

    Returns the number of pixels inside, their start, and the padding before and after.
    """
    slack = length - wanted
    first, last = min(slack, 0), max(slack, 0)
    if at is not None:
        first, last = max(first, at - wanted + 1), min(last, at)
    start = int(rng.integers(first, last, endpoint=True))
    if slack >= 0:
        return wanted, start, 0, 0
    return length, 0, -start, start - slack


def _turned(image, label, corner, window, size, degrees):
    """The window of the frame at `corner`, rotated counter-clockwise about its centre, as a crop.

    It interpolates once, directly from the frame: the crop's corners show pixels around the
    window, and are void only outside the frame. All pairs are (row, column) or (h, w).
    """
    zoom = np.divide(window, size)[::-1]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # Maps (x, y) of the crop to (x, y) of the frame, about both centres; pixel 0's centre is 0.5.
    turn = np.array([[cos, -sin], [sin, cos]]) * zoom
    centre = np.add(corner, np.divide(window, 2))[::-1]
    shift = centre - 0.5 - turn @ (np.divide(size, 2)[::-1] - 0.5)
    matrix, shape = np.column_stack([turn, shift]), (size[1], size[0])
    sampled = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = cv2.warpAffine(image, matrix, shape, flags=sampled, borderValue=PADDING)
    sampled = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return image, cv2.warpAffine(label, matrix, shape, flags=sampled, borderValue=VOID)


def random_flip(image, label, rng, flip=0.5):
    """Mirrors left and right with probability `flip`."""
    if rng.random() < 1 - flip:
        return image, label
    return cv2.flip(image, 1), cv2.flip(label, 1)


def random_light(image, label, rng, brightness=0.0, contrast=0.0):
    """Scales pixels about the frame's mean by 1 ± `contrast`, then adds ± `brightness`.

    Both are fractions, 0 to 1; brightness is a fraction of white. One linear function applies
    both, so pixels are rounded once; `cv2.transform` takes a third of the time of a table.
    """
    factor = 1 + rng.uniform(-contrast, contrast)
    shift = 255 * rng.uniform(-brightness, brightness)
    mean = sum(cv2.mean(image)) / 3
    offset = np.full((3, 1), mean - factor * mean + shift)
    return cv2.transform(image, np.hstack([factor * np.eye(3), offset])), label


def random_saturation(image, label, rng, saturation=0.0):
    """Scales pixels' distance from gray by 1 ± `saturation`."""
    factor = 1 + rng.uniform(-saturation, saturation)
    return cv2.addWeighted(image, factor, _gray(image), 1 - factor, 0), label


def random_hue(image, label, rng, hue=0.0):
    """Rotates the hue by up to `hue` degrees either way."""
    turned = np.arange(256) / 256 + rng.uniform(-hue, hue) / 360
    # In OpenCV, a full circle of hue is 256 when reading HSV and 255 when writing it.
    table = np.rint(255 * (turned % 1)).astype(np.uint8)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    cv2.insertChannel(cv2.LUT(cv2.extractChannel(pixels, 0), table), pixels, 0)
    return cv2.cvtColor(pixels, cv2.COLOR_HSV2RGB_FULL), label


def random_gray(image, label, rng, gray=0.0):
    """Removes the colours with probability `gray`."""
    if rng.random() < 1 - gray:
        return image, label
    return _gray(image), label


def _gray(image):
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def random_sepia(image, label, rng, sepia=0.0):
    """Applies a sepia tone with probability `sepia`."""
    if rng.random() < 1 - sepia:
        return image, label
    return cv2.transform(image, SEPIA), label


def random_channel_shuffle(image, label, rng, channel_shuffle=0.0):
    """Shuffles red, green and blue with probability `channel_shuffle`."""
    if rng.random() < 1 - channel_shuffle:
        return image, label
    order = rng.permutation(3).tolist()
    return cv2.merge([cv2.extractChannel(image, channel) for channel in order]), label


def random_blur(image, label, rng, blur=0.0):
    """Applies Gaussian blur; sigma is drawn from 0 to `blur` pixels."""
    sigma = rng.uniform(0, blur)
    side = 2 * int(np.ceil(3 * sigma)) + 1
    return cv2.GaussianBlur(image, (side, side), sigma), label


def random_noise(image, label, rng, noise=0.0):
    """Adds Gaussian noise to every value; sigma is drawn from 0 to `noise`, a fraction of white."""
    table = np.rint(255 * rng.uniform(0, noise) * NORMAL).astype(np.int16)
    draws = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    return cv2.add(image, cv2.LUT(draws, table), dtype=cv2.CV_8U), label


class Augmentation(NamedTuple):
    """One change: its function, and the range of its strength from 0 (no change)."""

    change: Callable | None
    standard: float
    most: float
    unit: str


# Changes are applied in this order, whatever the order in the flag: geometry first, so that later
# ones only process the crop, and blur and noise, which a camera adds, last. Rotation is part of
# the crop: rotating afterwards would leave empty corners. `pick` limits how many changes of colour
# and sharpness a frame gets (RandAugment, Cubuk et al. 2019, arXiv 1909.13719).
AUGMENTATIONS = {
    "rotate": Augmentation(random_crop, 10.0, 180, "degrees, either way"),
    "flip": Augmentation(random_flip, 0.5, 1, "probability"),
    "brightness": Augmentation(random_light, 0.2, 1, "share of white, either way"),
    "contrast": Augmentation(random_light, 0.2, 1, "share, either way"),
    "saturation": Augmentation(random_saturation, 0.3, 1, "share, either way"),
    "hue": Augmentation(random_hue, 10.0, 180, "degrees, either way"),
    "gray": Augmentation(random_gray, 0.1, 1, "probability"),
    "sepia": Augmentation(random_sepia, 0.1, 1, "probability"),
    "channel_shuffle": Augmentation(random_channel_shuffle, 0.1, 1, "probability"),
    "blur": Augmentation(random_blur, 1.0, 20, "largest sigma, pixels"),
    "noise": Augmentation(random_noise, 0.02, 1, "largest sigma, share of white"),
    "pick": Augmentation(None, 3, 9, "changes of colour or sharpness per frame; 0 is all"),
}

PRESETS = {
    "none": {},
    "light": {"flip": 0.5, "brightness": 0.2, "contrast": 0.2},
    "standard": {
        name: AUGMENTATIONS[name].standard
        for name in ("rotate", "flip", "brightness", "contrast", "saturation", "hue", "blur")
    },
    "strong": {
        "rotate": 20.0, "flip": 0.5, "brightness": 0.4, "contrast": 0.5, "saturation": 0.6,
        "hue": 20.0, "gray": 0.5, "sepia": 0.5, "channel_shuffle": 0.3, "blur": 2.0,
        "noise": 0.04, "pick": 3,
    },
}  # fmt: skip


def parse_augment(text):
    """Text like "flip,rotate=10" or "standard,blur=0" -> ((name, strength), ...) for
    `training_frame`.

    A name without a number gets its standard strength; a preset stands for all of its pairs; later
    values override earlier ones; strength 0 removes a change.

    Raises `UserError` for an unknown name, with similar names, and for an invalid number.
    """
    strengths = {}
    for word in text.split(","):
        name, equals, number = word.partition("=")
        if name in PRESETS and not equals:
            strengths |= PRESETS[name]
        elif name in AUGMENTATIONS:
            strengths[name] = _strength(name, number) if equals else AUGMENTATIONS[name].standard
        else:
            raise unknown("augmentation", name, [*PRESETS, *AUGMENTATIONS])
    return tuple((name, strengths[name]) for name in AUGMENTATIONS if strengths.get(name))


def _strength(name, text):
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= AUGMENTATIONS[name].most:
        _, _, most, unit = AUGMENTATIONS[name]
        raise UserError(f"--augment: {name}={text}: wanted {unit}, a number from 0 to {most}")
    return strength


def spell_augment(augment):
    """Text that `parse_augment` turns back into these pairs, even if presets change later."""
    return ",".join(f"{name}={strength}" for name, strength in augment) or "none"
