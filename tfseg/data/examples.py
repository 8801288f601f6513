"""A sheet of examples that shows augmentation on one frame."""

import cv2
import numpy as np

from tfseg.data.augment import AUGMENTATIONS, training_frame
from tfseg.visualize import captioned, colorize

TILE = 320  # width of an example, pixels
SEED = 2731  # its first draws are well spread
FINE = ("blur", "noise")  # not visible in a reduced frame


def augment_sheet(image, label, colors, augment, *, scale=(1.0, 1.0), columns=4, seed=SEED):
    """A sheet with a row of examples for every change of `augment`, and one of all together.

    Labels are outlines in their class colours, so that the image's colours stay visible and the
    label can be seen to move along. Changes with a probability are always applied; those with a
    single result share the first row with the frame. The last row shows what training sees,
    including the random crop.

    Args:
        image, label: a frame, uint8 (H, W, 3) and uint8 (H, W), void 255.
        colors: (r, g, b) of each class.
        augment: (name, strength) pairs, see `tfseg.data.augment.parse_augment`.
        scale: range of the random crop's scale; the crop is as large as the frame.
        columns: examples per row.
        seed: random seed of the examples, 0 or more.

    Returns:
        The sheet, RGB uint8 (H, W, 3).
    """

    def examples(frame, pairs, scale=(1.0, 1.0)):
        for column in range(columns):
            rng = np.random.default_rng((seed, column))
            changed = training_frame(*frame, rng, frame[1].shape, scale, pairs)
            yield _lined(*changed, colors)

    whole, middle = (image, label), _middle(image, label)
    single, rows = [("the frame with its label's outlines", _lined(*whole, colors))], []
    for name, strength in augment:
        if AUGMENTATIONS[name].change is None:
            continue
        unit = AUGMENTATIONS[name].unit
        caption = f"{name} {strength:g} ({unit})"
        pairs = [(name, 1.0 if unit == "probability" else strength)]
        tiles = examples(middle if name in FINE else whole, pairs)
        distinct = list({tile.tobytes(): tile for tile in tiles}.values())
        if len(distinct) == 1:
            single.append((caption, distinct[0]))
        else:
            rows.append(_row(caption, distinct))
    pick = dict(augment).get("pick")
    together = f"{pick:g} changes of colour or sharpness at a time" if pick else "all together"
    together += f", scaled by {scale[0]:g} to {scale[1]:g}"
    rows.append(_row(together, examples(whole, augment, scale)))
    rows = [single[i : i + columns] for i in range(0, len(single), columns)] + rows
    return captioned(rows)


def _row(caption, tiles):
    return [("" if i else caption, tile) for i, tile in enumerate(tiles)]


def _middle(image, label):
    """The middle of a frame that fills a tile at full resolution; all of a smaller frame."""
    height, width = label.shape
    rows, columns = (min(side, round(side * TILE / width)) for side in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return tuple(pixels[top : top + rows, left : left + columns] for pixels in (image, label))


def _tile(pixels):
    """An image or a label, resized to the width of a tile."""
    height, width = pixels.shape[:2]
    size = (TILE, max(1, round(height * TILE / width)))
    if pixels.ndim == 2:
        return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    smooth = cv2.INTER_AREA if width > TILE else cv2.INTER_LINEAR
    return cv2.resize(pixels, size, interpolation=smooth)


def _lined(image, label, colors):
    """A tile of the image with the outlines of the label in class colours, void black."""
    image, label = _tile(image), _tile(label)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    border = cv2.dilate(label, cross) != cv2.erode(label, cross)
    return np.where(border[..., None], colorize(label, colors), image)
