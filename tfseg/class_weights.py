"""Weights of classes against rare ones, from pixel counts."""

from typing import Any

import numpy as np

from tfseg.errors import unknown


def _enet(pixels, void, present):
    return 1 / np.log(1.02 + pixels / (pixels.sum() + void))


def _linknet(pixels, void, present):
    return 1 / np.log(1.02 + pixels / pixels.max())


def _median(pixels, void, present):
    there = pixels > 0
    frequency = pixels[there] / np.asarray(present, np.float64)[there]
    result = np.zeros_like(pixels)
    result[there] = np.median(frequency) / frequency
    return result


CLASS_WEIGHTS = {"enet": _enet, "linknet": _linknet, "median": _median}


def class_weights(pixels: Any, scheme: str, *, void: int = 0, present: Any = None) -> np.ndarray:
    """Weights (K,) float32 against rare classes, from a split's pixel counts.

    Args:
        pixels: pixels of each class (K,).
        scheme: "enet", 1 / ln(1.02 + share of all pixels) (Paszke et al. 2016, section 5.2);
            "linknet", the same of the share of the largest class; or "median", median frequency
            (Eigen and Fergus 2015, section 4.3), a class's frequency being its share of the
            images that contain it.
        void: void pixels, part of all pixels under "enet".
        present: for each class, the pixels of the images that contain it (K,); for "median".

    A class without a pixel has weight 0 under "median", its formula's value otherwise.
    """
    if scheme not in CLASS_WEIGHTS:
        raise unknown("class weighting", scheme, CLASS_WEIGHTS)
    pixels = np.asarray(pixels, np.float64)
    return CLASS_WEIGHTS[scheme](pixels, void, present).astype(np.float32)
