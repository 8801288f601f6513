"""Losses over a batch that is spread over several devices.

Each replica computes the loss of the whole batch, and its gradient with respect to its own logits;
it treats the parts of the others as constants. For any loss, the gradients summed over the replicas
therefore equal those of one device with the whole batch.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfseg.losses import WHOLE, Whole


def count() -> int:
    """The number of devices that share a batch, over all machines."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def batch() -> Whole:
    """The batch that the current replica has a part of."""
    inside = tf.distribute.in_cross_replica_context() or count() == 1
    return WHOLE if inside else Shared()


def sums(values: Sequence[Any]) -> list[Any]:
    """Sums each tensor over the replicas, in one all-reduce."""
    values = [tf.identity(value) for value in values]  # on this replica's device
    return tf.distribute.get_replica_context().all_reduce("SUM", values)


class Shared(Whole):
    """Sums over all replicas on request; `totals` keeps the sums without gradients."""

    def __init__(self) -> None:
        self.totals: list[tf.Tensor] = []

    def sum(self, value: Any) -> Any:
        self.totals += sums([tf.stop_gradient(value)])
        return _with_gradient(self.totals[-1], value)

    def rows(self, value: Any) -> Any:
        # Uses sums because TensorFlow's gather fails on machines with one device each.
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows, columns = tf.unstack(tf.shape(value))
        own = tf.one_hot(number, count(), dtype="float64") * tf.cast(rows, "float64")
        counts = tf.cast(sums([own])[0], "int32")
        places = tf.reduce_sum(counts[:number]) + tf.range(rows)[:, None]
        shape = [tf.reduce_sum(counts), columns]
        every = sums([tf.scatter_nd(places, tf.stop_gradient(value), shape)])[0]
        return tf.tensor_scatter_nd_update(every, places, value)


class Known(Whole):
    """Replays the sums of `Shared` in a function that cannot communicate with other replicas."""

    def __init__(self, totals: Sequence[Any]) -> None:
        self.totals = iter(totals)

    def sum(self, value: Any) -> Any:
        return _with_gradient(next(self.totals), value)


def _with_gradient(total, value):
    """`total` with the gradient of `value`, which is one of its terms."""
    return value + tf.stop_gradient(total - value)
