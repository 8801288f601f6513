"""Confusion matrices, and the metrics computed from them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfseg.errors import UserError
from tfseg.labels import VOID


def confusion_matrix(labels: Any, predictions: Any, num_classes: int, ignore: int = VOID) -> Any:
    """Counts of (truth, prediction) pairs, (K, K) integers: rows truth, columns prediction.

    It uses `keras.ops`, so it runs inside a compiled step. `pair_counts` counts NumPy frames
    several times faster.

    Args:
        labels: class indices of any shape.
        predictions: class indices of the same shape.
        num_classes: K.
        ignore: label of pixels to ignore.
    """
    labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
    predictions = ops.cast(ops.reshape(predictions, (-1,)), "int32")
    # Void goes into an extra bin, which is dropped, so that shapes stay static for XLA.
    pair = ops.where(labels == ignore, num_classes**2, labels * num_classes + predictions)
    counts = _histogram(pair, num_classes**2 + 1)
    return ops.reshape(counts[: num_classes**2], (num_classes, num_classes))


def _histogram(values, length):
    """Counts of each of 0..length-1 in `values` (N,) int32.

    The output of `ops.bincount` grows with the largest value, so XLA and JAX cannot compile it.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.segment_sum(ops.ones_like(values), values, num_segments=length)
    import tensorflow as tf  # only if it is the backend; a quarter of segment_sum's time on CPU

    none = tf.zeros([0], tf.int32)  # no weights
    return tf.raw_ops.DenseBincount(input=values, size=length, weights=none)


def pair_counts(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts of (truth, prediction) pairs of a frame, int64 (classes + 1, 256), exact.

    Row 0 is void in the truth, row c + 1 its class c; columns are values of the prediction. Both
    are uint8 (H, W). Neighbouring pixels are mostly equal, so it counts runs by their lengths,
    unless they are too short to save time.

    Raises:
        UserError: if a truth value is neither a class nor void.
    """
    truth, prediction = truth.ravel(), prediction.ravel()
    ends = np.ones(truth.size, bool)
    np.not_equal(truth[1:], truth[:-1], out=ends[:-1])
    ends[:-1] |= prediction[1:] != prediction[:-1]
    lengths = None
    if np.count_nonzero(ends) * 8 < ends.size:
        places = np.flatnonzero(ends)
        truth, prediction = truth[places], prediction[places]
        lengths = np.diff(places, prepend=-1)  # as float64 weights, exact up to 2^53 pixels
    row = truth + np.uint8(1)  # void wraps to 0, which keeps the table small
    pair = (row.astype(np.intp) << 8) | prediction
    counts = np.bincount(pair, lengths, minlength=(classes + 1) * 256)
    if counts.size > (classes + 1) * 256:
        value = (counts.size - 1) // 256 - 1
        raise UserError(f"label {value} is invalid; wanted 0 to {classes - 1} or {VOID}, void")
    return counts.reshape(-1, 256).astype(np.int64)


def class_logits(logits: Any) -> Any:
    """Logits of every class, (..., K), whose softmax gives the probabilities.

    A binary network has one logit z for its second class. The sigmoid of z is the softmax of 0 and
    z, so the first class, background, has the logit 0.
    """
    if logits.shape[-1] > 1:
        return logits
    return ops.concatenate([ops.zeros_like(logits), logits], axis=-1)


def class_indices(logits: Any) -> Any:
    """The class of every pixel, int32 (B, H, W), from logits (B, H, W, K).

    Keras' argmax takes twice as long, because it distinguishes -0.0 from 0.0.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.argmax(logits, axis=-1)
    import tensorflow as tf  # only if it is the backend

    return tf.argmax(logits, axis=-1, output_type="int32")


def ratio(part: Any, whole: Any) -> np.ndarray:
    """`part` / `whole`, NaN if `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def iou(hits: Any, truth: Any, predicted: Any, divide: Any = ratio) -> Any:
    """TP / (TP + FP + FN), from TP, TP + FN (`truth`) and TP + FP (`predicted`)."""
    return divide(hits, truth + predicted - hits)


def mean(values: Any) -> float:
    """The mean of the values that are not NaN; NaN if there are none."""
    values = np.asarray(values)
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")


def scores(matrix: np.ndarray) -> dict[str, Any]:
    """Computes metrics from a confusion matrix, as fractions.

    Args:
        matrix: (K, K), rows truth, columns prediction. Columns from K on are predictions of no
            class; they count as misses.

    Returns:
        `iou` (K,) TP / (TP + FP + FN), `miou` its mean, `pixel_accuracy` the share of correct
        pixels, `class_accuracy` the mean recall, `fw_iou` the IoU weighted by frequency. Classes
        absent from truth and prediction are NaN and skipped in means (Long et al. 2015, section 5).
    """
    matrix = np.asarray(matrix, np.float64)
    hits, truth = matrix.diagonal(), matrix.sum(1)
    by_class = iou(hits, truth, matrix[:, : len(matrix)].sum(0))
    return {
        "miou": mean(by_class),
        "pixel_accuracy": float(ratio(hits.sum(), truth.sum())),
        "class_accuracy": mean(ratio(hits, truth)),
        "fw_iou": float(ratio(np.nansum(truth * by_class), truth.sum())),
        "iou": by_class,
    }


@keras.saving.register_keras_serializable("tfseg")
class ConfusionMatrix(keras.metrics.Metric):
    """Accumulates labels and logits in one confusion matrix of integers.

    A float32 sum would stop counting at 2^24 pixels, 97 frames of CamVid. In the logs of `fit`, it
    appears as "miou" and "pixel_accuracy".

    Args:
        num_classes: K; 2 for a binary network, which has one logit.
        ignore: label of pixels to ignore.

    Example:
        >>> metric = tfseg.metrics.ConfusionMatrix(11)
        >>> metric.update_state(labels, logits)  # (B, H, W), (B, H, W, 11)
        >>> tfseg.metrics.scores(metric.matrix())["miou"]
    """

    def __init__(
        self, num_classes: int, ignore: int = VOID, name: str = "confusion", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes, self.ignore = num_classes, ignore
        self.counts = self.add_variable(
            (num_classes, num_classes), "zeros", dtype="int64", aggregation="sum", name="counts"
        )

    def update_state(self, labels: Any, logits: Any, sample_weight: Any = None) -> None:
        classes = class_indices(class_logits(logits))
        counts = confusion_matrix(labels, classes, self.num_classes, self.ignore)
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def result(self) -> dict[str, Any]:
        counts = ops.cast(self.counts, "float32")
        hits, truth, predicted = (
            ops.diagonal(counts), ops.sum(counts, axis=1), ops.sum(counts, axis=0)
        )  # fmt: skip

        def divide(part, whole):
            return part / ops.maximum(whole, 1)

        there = ops.cast(truth + predicted > 0, "float32")
        return {
            "miou": divide(ops.sum(iou(hits, truth, predicted, divide)), ops.sum(there)),
            "pixel_accuracy": divide(ops.sum(hits), ops.sum(counts)),
        }

    def matrix(self) -> np.ndarray:
        """The counts so far, NumPy int64 (K, K)."""
        return ops.convert_to_numpy(self.counts).astype(np.int64)

    def scores(self) -> dict[str, Any]:
        """The metrics so far, see `tfseg.metrics.scores`."""
        return scores(self.matrix())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes, "ignore": self.ignore}


@keras.saving.register_keras_serializable("tfseg")
class MultilabelCounts(keras.metrics.Metric):
    """As `ConfusionMatrix`, for classes that do not exclude each other.

    Args:
        table: (256, K), for each label value 0, 1 or `ignore` per class; see
            `tfseg.labels.LabelSets`.
        ignore: the table's value for void.
    """

    def __init__(
        self, table: Any, ignore: int = VOID, name: str = "confusion", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.table, self.ignore = np.asarray(table, np.uint8), ignore
        shape = (self.table.shape[1], 2, 2)  # class, truth, mask
        self.counts = self.add_variable(
            shape, "zeros", dtype="int64", aggregation="sum", name="counts"
        )

    def update_state(self, labels: Any, logits: Any, sample_weight: Any = None) -> None:
        classes = self.table.shape[1]
        truth = ops.take(ops.cast(self.table, "int32"), ops.cast(labels, "int32"), axis=0)
        pair = 4 * ops.arange(classes) + 2 * truth + ops.cast(logits > 0, "int32")
        pair = ops.where(truth == self.ignore, 4 * classes, pair)
        counts = _histogram(ops.reshape(pair, (-1,)), 4 * classes + 1)[:-1]
        self.counts.assign_add(ops.reshape(ops.cast(counts, "int64"), self.counts.shape))

    def result(self) -> dict[str, Any]:
        counts = ops.cast(self.counts, "float32")
        hits, missed, wrong = counts[:, 1, 1], counts[:, 1, 0], counts[:, 0, 1]
        union = hits + missed + wrong
        there = ops.maximum(ops.sum(ops.cast(union > 0, "float32")), 1)
        right = ops.sum(hits + counts[:, 0, 0])
        return {
            "miou": ops.sum(hits / ops.maximum(union, 1)) / there,
            "pixel_accuracy": right / ops.maximum(ops.sum(counts), 1),
        }

    def matrix(self) -> None:
        """None: multilabel networks have no confusion matrix."""

    def scores(self) -> dict[str, Any]:
        """The metrics so far, named as in `tfseg.metrics.scores`; `pixel_accuracy` counts K
        decisions per pixel."""
        counts = ops.convert_to_numpy(self.counts).astype(np.float64)
        hits, truth, found = counts[:, 1, 1], counts[:, 1].sum(1), counts[:, :, 1].sum(1)
        by_class = iou(hits, truth, found)
        return {
            "miou": mean(by_class),
            "pixel_accuracy": float(ratio(hits.sum() + counts[:, 0, 0].sum(), counts.sum())),
            "class_accuracy": mean(ratio(hits, truth)),
            "fw_iou": float(ratio(np.nansum(truth * by_class), truth.sum())),
            "iou": by_class,
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "table": self.table.tolist(), "ignore": self.ignore}
