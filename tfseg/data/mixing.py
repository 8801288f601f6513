"""Frames of a batch that borrow a region, image and label, from their neighbours."""

import numpy as np

from tfseg.labels import VOID

SHARE = 0.5  # of the frames borrow


def cutmix(label, rng):
    """A random rectangle, its area uniform between nothing and all (Yun et al. 2019, section 3.1).

    Returns where it is, bool (H, W).
    """
    height, width = label.shape
    side = np.sqrt(rng.random())
    row, column = rng.integers(height), rng.integers(width)
    region = np.zeros(label.shape, bool)
    top, left = (round(at - side * of / 2) for at, of in ((row, height), (column, width)))
    bottom, right = round(row + side * height / 2), round(column + side * width / 2)
    region[max(top, 0) : bottom, max(left, 0) : right] = True
    return region


def copy_paste(label, rng):
    """All pixels of one class that the label has, the rarer the likelier, as in `rare_order`.

    Ghiasi et al. 2021 (arXiv 2012.07177) paste single objects; labels of classes know none.
    """
    classes, counts = np.unique(label[label != VOID], return_counts=True)
    if not len(classes):
        return np.zeros(label.shape, bool)
    chances = 1 / np.sqrt(counts)
    return label == rng.choice(classes, p=chances / chances.sum())


# name -> function of a neighbour's label (H, W) and `rng`: the pixels to take from it
MIXES = {"cutmix": cutmix, "copy_paste": copy_paste}


def mixed(images, labels, mix, rng):
    """A batch, uint8 (B, H, W, 3) and (B, H, W), half of whose frames borrow from the next one."""
    new_images, new_labels = images.copy(), labels.copy()
    for place in range(len(images)):
        if rng.random() < SHARE:
            other = (place + 1) % len(images)
            region = MIXES[mix](labels[other], rng)
            new_images[place][region] = images[other][region]
            new_labels[place][region] = labels[other][region]
    return new_images, new_labels
