"""Random changes of a training frame, each a pure function of (image, label, rng).

Image uint8 (H, W, 3), label uint8 (H, W), void 255; the results are uint8 too. Geometry moves
both together, the label by nearest neighbour; light changes the image alone. `rng` is a
`numpy.random.Generator`: equal state, equal result. OpenCV does the arithmetic, because it stays
in uint8: TensorFlow's kernels pass through float32 and take several times as long.
"""

import cv2
import numpy as np

from tfseg.datasets.coding import VOID

# Around small frames: the mean of ImageNet, which is zero to a network after normalisation.
PADDING = (124, 116, 104)


def random_crop(image, label, rng, size, scale=(1.0, 1.0)):
    """Scales the frame by a factor drawn from `scale`, then takes a crop of `size` (h, w) from it.

    Only the window that survives is resized: h/factor × w/factor pixels of the frame, as whole
    pixels. Where that reaches beyond the frame, the rest is padding and its label void.
    """
    height, width = size
    factor = rng.uniform(*scale)
    rows, top, above, below = _window(rng, image.shape[0], max(1, round(height / factor)))
    columns, left, before, after = _window(rng, image.shape[1], max(1, round(width / factor)))
    image = image[top : top + rows, left : left + columns]
    label = label[top : top + rows, left : left + columns]
    if above or below or before or after:
        sides = (above, below, before, after, cv2.BORDER_CONSTANT)
        image = cv2.copyMakeBorder(image, *sides, value=PADDING)
        label = cv2.copyMakeBorder(label, *sides, value=VOID)
    if label.shape == (height, width):
        return image, label
    # Both interpolations count from pixel centres, so image and label stay aligned.
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image, cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def _window(rng, length, wanted):
    """Where a window of `wanted` pixels falls on an axis of `length`, anywhere that wastes nothing.

    Returns the number of pixels inside, where they start, and the padding before and after.
    """
    slack = length - wanted
    start = int(rng.integers(min(slack, 0), max(slack, 0), endpoint=True))
    if slack >= 0:
        return wanted, start, 0, 0
    return length, 0, -start, start - slack


def random_flip(image, label, rng):
    """Mirrors left and right, one time in two."""
    if rng.random() < 0.5:
        return image, label
    return cv2.flip(image, 1), cv2.flip(label, 1)


def random_light(image, label, rng, brightness=0.0, contrast=0.0):
    """Stretches pixels about the frame's mean by 1 ± `contrast`, then adds ± `brightness`.

    Both are shares, 0 to 1; brightness is a share of white. They go through one table of the 256
    values, so pixels are rounded and clipped once.
    """
    factor = 1 + rng.uniform(-contrast, contrast)
    shift = 255 * rng.uniform(-brightness, brightness)
    mean = sum(cv2.mean(image)) / 3
    table = mean + factor * (np.arange(256) - mean) + shift
    return cv2.LUT(image, np.rint(table).clip(0, 255).astype(np.uint8)), label
