"""One confusion matrix, and every figure that follows from it."""

import warnings

import keras
import numpy as np
from keras import ops


def confusion_matrix(labels, predictions, num_classes, ignore=255):
    """Counts of (truth, prediction) pairs, (K, K) integers: rows truth, columns prediction.

    `labels` and `predictions` hold class indices of any shape; pixels labelled `ignore` count
    nowhere.
    """
    labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
    predictions = ops.cast(ops.reshape(predictions, (-1,)), "int32")
    # Void goes into one bin past the matrix, which is cut off: shapes stay static for XLA.
    pair = ops.where(labels == ignore, num_classes**2, labels * num_classes + predictions)
    counts = _histogram(pair, num_classes**2 + 1)
    return ops.reshape(counts[: num_classes**2], (num_classes, num_classes))


def _histogram(values, length):
    """How often each of 0..length-1 occurs in `values` (N,) int32.

    Not `ops.bincount`, whose output grows with the largest value: neither XLA nor JAX compiles it.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.segment_sum(ops.ones_like(values), values, num_segments=length)
    import tensorflow as tf  # only where it is the backend; a quarter of segment_sum's time on CPU

    none = tf.zeros([0], tf.int32)  # no weights
    return tf.raw_ops.DenseBincount(input=values, size=length, weights=none)


def class_indices(logits):
    """The class of every pixel, int32 (B, H, W), from logits (B, H, W, K).

    Keras' own argmax spends as long again on telling -0.0 from 0.0.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.argmax(logits, axis=-1)
    import tensorflow as tf  # only where it is the backend

    return tf.argmax(logits, axis=-1, output_type="int32")


def scores(matrix):
    """The field's figures of a confusion matrix (K, K).

    Returns a dict: `iou` (K,) TP / (TP + FP + FN), `miou` its mean, `pixel_accuracy` the share of
    right pixels, `class_accuracy` the mean recall, `fw_iou` the IoU weighted by frequency. Classes
    absent from truth and prediction are NaN and skipped in means (Long et al. 2015, section 5).
    """
    matrix = np.asarray(matrix, np.float64)
    right, truth, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as meant
        iou = right / (truth + predicted - right)
        return {
            "miou": np.nanmean(iou),
            "pixel_accuracy": right.sum() / matrix.sum(),
            "class_accuracy": np.nanmean(right / truth),
            "fw_iou": np.nansum(truth * iou) / matrix.sum(),
            "iou": iou,
        }


@keras.saving.register_keras_serializable("tfseg")
class ConfusionMatrix(keras.metrics.Metric):
    """Streams labels and logits into one confusion matrix, in integers.

    A float32 sum would stop counting at 2^24 pixels, 97 frames of CamVid. During `fit` it shows
    up in the logs as "miou" and "pixel_accuracy".
    """

    def __init__(self, num_classes, ignore=255, name="confusion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes, self.ignore = num_classes, ignore
        self.counts = self.add_variable(
            (num_classes, num_classes), "zeros", dtype="int64", aggregation="sum", name="counts"
        )

    def update_state(self, labels, logits, sample_weight=None):
        counts = confusion_matrix(labels, class_indices(logits), self.num_classes, self.ignore)
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def result(self):
        counts = ops.cast(self.counts, "float32")
        right = ops.diagonal(counts)
        union = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - right
        there = ops.cast(union > 0, "float32")
        iou = right / ops.maximum(union, 1)
        return {
            "miou": ops.sum(iou) / ops.maximum(ops.sum(there), 1),
            "pixel_accuracy": ops.sum(right) / ops.maximum(ops.sum(counts), 1),
        }

    def matrix(self):
        """The counts so far, NumPy int64 (K, K)."""
        return ops.convert_to_numpy(self.counts).astype(np.int64)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "ignore": self.ignore}
