"""Losses on logits. Void pixels add no loss and no gradient.

Every loss takes labels (B, H, W), logits (B, H, W, K), `ignore` (the void label) and optional class
weights (K,), and gives a float32 scalar, which is 0 if every pixel is void. The single logit z of a
binary network, (B, H, W, 1), counts as two logits, 0 and z, so the cross-entropy is the sigmoid's.

Each loss is defined over a whole batch. If other devices hold parts of it, `batch` sums over all
parts: the value, and the gradient for the local logits, are those of the whole batch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from keras import ops

from tfseg.errors import UserError, unknown
from tfseg.labels import VOID
from tfseg.metrics import class_logits


class Whole:
    """A batch on a single device; `tfseg.training.replicas` has batches on several."""

    def sum(self, value: Any) -> Any:
        """Sums a tensor over the parts of the batch."""
        return value

    def rows(self, value: Any) -> Any:
        """Joins the rows (axis 0) of all parts of the batch, in any order."""
        return value


WHOLE = Whole()


def cross_entropy(
    labels: Any,
    logits: Any,
    ignore: int = VOID,
    weights: Any = None,
    smoothing: float = 0.0,
    batch: Whole = WHOLE,
) -> Any:
    """Softmax cross-entropy; the mean divides by the sum of the weights of valid pixels.

    `smoothing` is the share of the target that is spread evenly over all classes (Szegedy et al.
    2016, arXiv 1512.00567, section 7).
    """
    valid, safe, logits = _masked(labels, logits, ignore)
    loss = _pixel_cross_entropy(safe, logits, smoothing)
    return _mean(loss, _pixel_weights(valid, safe, weights), batch)


def ohem(
    labels: Any,
    logits: Any,
    ignore: int = VOID,
    weights: Any = None,
    smoothing: float = 0.0,
    threshold: float = 0.7,
    least: float = 1 / 16,
    batch: Whole = WHOLE,
) -> Any:
    """Cross-entropy of the hard pixels only (Shrivastava et al. 2016, arXiv 1604.03540).

    A pixel is hard if the probability of its class is below `threshold`. If these are fewer than
    the share `least` of the valid pixels, that share counts, to a thousandth of probability.
    """
    valid, safe, logits = _masked(labels, logits, ignore)
    probability = ops.exp(-_pixel_cross_entropy(safe, logits))

    def count(highest):
        return batch.sum(ops.sum(valid * ops.cast(probability <= highest, "float32")))

    wanted = least * batch.sum(ops.sum(valid))
    low = ops.convert_to_tensor(threshold, "float32")
    high = ops.convert_to_tensor(1.0, "float32")
    for _ in range(9):  # bisection; sorting all pixels would take longer than the rest of the step
        middle = (low + high) / 2
        enough = count(middle) >= wanted
        low, high = ops.where(enough, low, middle), ops.where(enough, middle, high)
    hardest = ops.stop_gradient(ops.where(count(threshold) >= wanted, threshold, high))
    hard = valid * ops.cast(probability <= hardest, "float32")
    loss = _pixel_cross_entropy(safe, logits, smoothing)
    return _mean(loss, _pixel_weights(hard, safe, weights), batch)


def focal(
    labels: Any,
    logits: Any,
    ignore: int = VOID,
    weights: Any = None,
    gamma: float = 2.0,
    batch: Whole = WHOLE,
) -> Any:
    """Focal loss, in which easy pixels count less (Lin et al. 2017, arXiv 1708.02002, eq. 4)."""
    valid, safe, logits = _masked(labels, logits, ignore)
    loss = _pixel_cross_entropy(safe, logits)
    hardness = (1 - ops.exp(-loss)) ** gamma
    return _mean(hardness * loss, _pixel_weights(valid, safe, weights), batch)


def dice(
    labels: Any, logits: Any, ignore: int = VOID, weights: Any = None, batch: Whole = WHOLE
) -> Any:
    """Soft Dice loss over the batch: 1 - 2 sum(p g) / (sum(p) + sum(g)), mean over classes present.

    Milletari et al. 2016 (arXiv 1606.04797, section 3), with plain sums instead of squares in the
    denominator, as in Sudre et al. 2017 (arXiv 1707.03237).
    """
    valid, safe, logits = _masked(labels, logits, ignore)
    truth = _one_hot(safe, valid, logits)
    guess = ops.softmax(logits, axis=-1) * valid[..., None]
    parts = [ops.sum(part, axis=(0, 1, 2)) for part in (truth * guess, truth, guess)]
    overlap, true, guessed = ops.unstack(batch.sum(ops.stack(parts)))
    return _class_mean(1 - 2 * _ratio(overlap, true + guessed), true, weights)


def lovasz(
    labels: Any, logits: Any, ignore: int = VOID, weights: Any = None, batch: Whole = WHOLE
) -> Any:
    """Lovász-softmax (Berman et al. 2018, arXiv 1705.08790, section 3), per batch.

    The mean covers the classes that are present. Void pixels get error 0, which sorts last and adds
    nothing. No pixel is cut out, so shapes stay static.
    """
    valid, safe, logits = _masked(labels, logits, ignore)
    truth = _one_hot(safe, valid, logits)
    errors = ops.abs(truth - ops.softmax(logits, axis=-1)) * valid[..., None]
    classes = logits.shape[-1]
    truth_rows = ops.transpose(batch.rows(ops.reshape(truth, (-1, classes))))
    error_rows = ops.transpose(batch.rows(ops.reshape(errors, (-1, classes))))
    order = ops.argsort(-error_rows, axis=-1)
    error_rows = ops.take_along_axis(error_rows, order, axis=-1)
    truth_rows = ops.take_along_axis(truth_rows, order, axis=-1)
    per_class = ops.sum(error_rows * _jaccard_steps(truth_rows), axis=-1)
    return _class_mean(per_class, ops.sum(truth_rows, axis=-1), weights)


def _jaccard_steps(truth):
    """Gradient of the Lovász extension of the Jaccard loss for rows sorted by falling error."""
    total = ops.sum(truth, axis=-1, keepdims=True)
    intersection = total - ops.cumsum(truth, axis=-1)
    union = total + ops.cumsum(1 - truth, axis=-1)
    jaccard = 1 - intersection / ops.maximum(union, 1)
    before = ops.pad(jaccard[:, :-1], ((0, 0), (1, 0)))
    return ops.stop_gradient(jaccard - before)


class Loss(NamedTuple):
    """A row of `LOSSES`: (labels, logits, ignore, weights, batch) -> scalar.

    `compiles` says whether XLA speeds it up, `smooths` whether it takes `smoothing`.
    """

    function: Callable
    compiles: bool = True
    smooths: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


LOSSES = {
    "cross_entropy": Loss(cross_entropy, smooths=True),
    "ohem": Loss(ohem, smooths=True),
    "dice": Loss(dice),
    "focal": Loss(focal),
    "lovasz": Loss(lovasz, compiles=False),  # XLA sorts slowly
}


def make_loss(
    text: str, ignore: int = VOID, weights: Any = None, smoothing: float = 0.0
) -> Callable[..., Any]:
    """Makes a loss from its name or a sum of names, for `model.compile`.

    Args:
        text: a sum of `LOSSES` with optional factors, e.g. "cross_entropy+0.5*dice".
        ignore: the label of void pixels.
        weights: class weights (K,), or None.
        smoothing: label smoothing of the cross-entropies.

    Returns:
        A function (labels, logits, batch=WHOLE) -> float32 scalar.

    Raises:
        UserError: for an unknown loss, or for smoothing that no loss in the sum supports.

    Example:
        >>> model.compile("adam", loss=tfseg.losses.make_loss("cross_entropy+dice"))
    """
    terms = _terms(text)
    if smoothing and not any(row.smooths for _, row in terms):
        names = " and ".join(name for name, row in LOSSES.items() if row.smooths)
        raise UserError(f"--label_smoothing={smoothing} is for {names}; --loss={text} has neither")

    def value(row, labels, logits, batch):
        options = {"smoothing": smoothing} if row.smooths else {}
        return row(labels, logits, ignore, weights, batch=batch, **options)

    def loss(labels, logits, batch=WHOLE):
        return sum(factor * value(row, labels, logits, batch) for factor, row in terms)

    return loss


def multilabel_loss(losses: Sequence[Callable[..., Any]], table: Any) -> Callable[..., Any]:
    """The mean of binary losses, one for each of K classes that may overlap.

    Args:
        losses: K functions from `make_loss`.
        table: (256, K), label value -> 0, 1 or void for each class; see `tfseg.labels.LabelSets`.
    """

    def loss(labels, logits, batch=WHOLE):
        labels = ops.cast(labels, "int32")
        each = [
            one(ops.take(ops.cast(table[:, k], "int32"), labels), logits[..., k : k + 1], batch)
            for k, one in enumerate(losses)
        ]
        return sum(each) / len(each)

    return loss


def compiles(text: str) -> bool:
    """Whether XLA speeds up all losses in a sum."""
    return all(row.compiles for _, row in _terms(text))


def _terms(text):
    """(factor, `Loss`) of every term in a sum."""
    terms = []
    for term in text.split("+"):
        factor, star, name = term.strip().rpartition("*")
        if name not in LOSSES:
            raise unknown("loss", name, LOSSES)
        terms.append((_factor(factor, text) if star else 1.0, LOSSES[name]))
    return terms


def _factor(factor, text):
    try:
        number = float(factor)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise UserError(f"--loss={text}: {factor!r} is not a factor above 0, like 0.5 in 0.5*dice")
    return number


def _masked(labels, logits, ignore):
    """Validity in float32, labels with void replaced by 0, logits of all classes in float32."""
    labels = ops.cast(labels, "int32")
    valid = labels != ignore
    logits = ops.cast(logits, "float32")
    if len(logits.shape) == len(labels.shape):  # Keras' `fit` drops a last axis of length 1
        logits = logits[..., None]
    logits = class_logits(logits)
    return ops.cast(valid, "float32"), ops.where(valid, labels, 0), logits


def _pixel_weights(valid, safe, weights):
    if weights is None:
        return valid
    return valid * ops.take(ops.convert_to_tensor(weights, "float32"), safe)


def _pixel_cross_entropy(safe, logits, smoothing=0.0):
    loss = ops.sparse_categorical_crossentropy(safe, logits, from_logits=True)
    if not smoothing:
        return loss
    everywhere = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
    return (1 - smoothing) * loss + smoothing * everywhere


def _one_hot(safe, valid, logits):
    return ops.one_hot(safe, logits.shape[-1], dtype="float32") * valid[..., None]


def _mean(loss, weights, batch):
    """The weighted mean over the pixels of the whole batch; 0 if all weights are 0."""
    total = batch.sum(ops.stack([ops.sum(loss * weights), ops.sum(weights)]))
    return _ratio(total[0], total[1])


def _class_mean(per_class, pixels, weights):
    """The mean over the classes that have pixels."""
    present = ops.cast(pixels > 0, "float32")
    if weights is not None:
        present = present * ops.convert_to_tensor(weights, "float32")
    return _ratio(ops.sum(per_class * present), ops.sum(present))


def _ratio(top, bottom):
    """top / bottom, but 0 where bottom is 0, without NaN in the gradient."""
    return ops.where(bottom > 0, top / ops.where(bottom > 0, bottom, 1), 0.0)
