"""Mixes frames of a batch with each other, image and label together."""

import cv2
import numpy as np

from tfseg.labels import VOID

SHARE = 0.5  # of the frames are mixed
MIXUP_ALPHA = 0.2  # of mixup's beta distribution, as on ImageNet


def cutmix(frame, other, rng):
    """Pastes a rectangle of `other`, its area drawn uniformly from 0 to all (Yun et al. 2019)."""
    return _pasted(frame, other, rectangle(other[1].shape, rng))


def copy_paste(frame, other, rng):
    """Pastes all pixels of one class of `other`; rarer classes more often, as in `rare_order`.

    Ghiasi et al. 2021 (arXiv 2012.07177) paste single objects, which class labels do not have.
    """
    return _pasted(frame, other, class_region(other[1], rng))


def mixup(frame, other, rng):
    """Blends both images (Zhang et al. 2018, arXiv 1710.09412, section 2).

    A label has one class per pixel, so each pixel draws one of both labels, with the images'
    shares as probabilities. The expected loss equals that of blended labels.
    """
    share = rng.beta(MIXUP_ALPHA, MIXUP_ALPHA)
    image = cv2.addWeighted(frame[0], 1 - share, other[0], share, 0)
    return image, np.where(rng.random(frame[1].shape) < share, other[1], frame[1])


def rectangle(shape, rng):
    """A random rectangle, bool (H, W)."""
    height, width = shape
    side = np.sqrt(rng.random())
    row, column = rng.integers(height), rng.integers(width)
    region = np.zeros(shape, bool)
    top, left = (round(at - side * of / 2) for at, of in ((row, height), (column, width)))
    bottom, right = round(row + side * height / 2), round(column + side * width / 2)
    region[max(top, 0) : bottom, max(left, 0) : right] = True
    return region


def class_region(label, rng):
    """The pixels of a random class of the label, bool (H, W)."""
    classes, counts = np.unique(label[label != VOID], return_counts=True)
    if not len(classes):
        return np.zeros(label.shape, bool)
    chances = 1 / np.sqrt(counts)
    return label == rng.choice(classes, p=chances / chances.sum())


def _pasted(frame, other, region):
    image, label = frame[0].copy(), frame[1].copy()
    image[region], label[region] = other[0][region], other[1][region]
    return image, label


# name -> function (frame, other frame, rng) -> new frame; frames are (image, label)
MIXES = {"cutmix": cutmix, "copy_paste": copy_paste, "mixup": mixup}


def mixed(images, labels, mix, rng):
    """Mixes half of a batch, uint8 (B, H, W, 3) and (B, H, W), each frame with the next one."""
    new_images, new_labels = images.copy(), labels.copy()
    for place in range(len(images)):
        if rng.random() < SHARE:
            other = (place + 1) % len(images)
            new_images[place], new_labels[place] = MIXES[mix](
                (images[place], labels[place]), (images[other], labels[other]), rng
            )
    return new_images, new_labels
