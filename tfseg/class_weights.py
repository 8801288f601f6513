"""Class weights that strengthen rare classes, from pixel counts."""

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
    """Class weights (K,) float32 from the pixel counts of a split; rare classes weigh more.

    Args:
        pixels: pixels of each class (K,).
        scheme: "enet", 1 / ln(1.02 + share of all pixels) (Paszke et al. 2016, section 5.2);
            "linknet", the same with the share of the largest class; or "median", median frequency
            balancing (Eigen and Fergus 2015, section 4.3), where the frequency of a class is its
            share of the images that contain it.
        void: number of void pixels; "enet" counts them among all pixels.
        present: for each class, the pixels of the images that contain it (K,); for "median".

    A class without pixels has weight 0 with "median", and the value of the formula otherwise.
    """
    if scheme not in CLASS_WEIGHTS:
        raise unknown("class weighting", scheme, CLASS_WEIGHTS)
    pixels = np.asarray(pixels, np.float64)
    return CLASS_WEIGHTS[scheme](pixels, void, present).astype(np.float32)


def prior_shift(weights: Any) -> np.ndarray:
    """What class weights (K,) add to the logits of a network that is trained with them, (K,).

    Minimizing the weighted cross-entropy finds logits of w p(class | pixel), as if rare classes
    were w times as frequent: log w more than the logits of p (Saerens et al. 2002).
    A class of weight 0 gets the shift of the smallest other one.
    """
    weights = np.asarray(weights, np.float32)
    return np.log(np.maximum(weights, weights[weights > 0].min()))
