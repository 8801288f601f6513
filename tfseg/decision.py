"""Turns logits into probabilities, and into masks by the highest class or by thresholds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfseg.metrics import class_indices, class_logits

TASKS = ("multiclass", "binary", "multilabel")


@dataclass(frozen=True)
class Decision:
    """How logits (N, H, W, K) become probabilities and masks.

    `multiclass`: a pixel has one of K classes, the one with the highest logit. `binary`: K is 1; a
    pixel has the class (1) if the logit's sigmoid exceeds a threshold, else it is background (0).
    `multilabel`: the same for each of K classes independently; a mask has K channels.

    Attributes:
        task: one of `TASKS`.
        thresholds: for binary and multilabel, one for each logit or one for all; if empty, 0.5.
    """

    task: str = "multiclass"
    thresholds: tuple[float, ...] = ()

    @property
    def is_multilabel(self) -> bool:
        return self.task == "multilabel"

    def probabilities(self, logits: Any) -> tf.Tensor:
        """Float32 (N, H, W, K); for binary networks (N, H, W, 2), background first."""
        return tf.sigmoid(logits) if self.is_multilabel else tf.nn.softmax(class_logits(logits))

    def mask(self, logits: Any) -> tf.Tensor:
        """Uint8 (N, H, W) class indices; for multilabel networks (N, H, W, K) zeros and ones."""
        if self.task == "multiclass":
            return tf.cast(class_indices(logits), tf.uint8)
        logits -= tf.constant([math.log(t / (1 - t)) for t in self._thresholds()], logits.dtype)
        if self.is_multilabel:
            return tf.cast(logits > 0, tf.uint8)
        return tf.cast(class_indices(class_logits(logits)), tf.uint8)

    def choose(self, probabilities: Any) -> tf.Tensor:
        """The mask of probabilities (..., K), in the form of `mask`."""
        if self.task == "multiclass":
            return tf.cast(class_indices(probabilities), tf.uint8)
        one = probabilities if self.is_multilabel else probabilities[..., 1]
        return tf.cast(one > np.float32(self._thresholds()), tf.uint8)

    def confidence(self, probabilities: Any, mask: Any) -> tf.Tensor:
        """The probability of each pixel's class (...); all classes for a multilabel network."""
        if self.task == "multiclass":
            return tf.reduce_max(probabilities, axis=-1)
        if self.is_multilabel:
            return probabilities
        return tf.where(mask == 1, probabilities[..., 1], probabilities[..., 0])

    def _thresholds(self):
        return self.thresholds or (0.5,)
