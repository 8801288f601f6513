"""A batch whose frames lie on several devices, as the losses see it from one of them.

A replica computes the value of the whole batch, and the gradient with respect to its own logits;
what the others hold is a constant to it. So gradients that are summed over the replicas are those
of one device with the whole batch, whatever the loss is.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfseg.losses import WHOLE, Whole


def count() -> int:
    """How many devices share a batch, on all machines."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def batch() -> Whole:
    """The batch that the present replica has a part of."""
    inside = tf.distribute.in_cross_replica_context() or count() == 1
    return WHOLE if inside else Shared()


def sums(values: Sequence[Any]) -> list[Any]:
    """Sums over the replicas of every tensor, in one exchange."""
    values = [tf.identity(value) for value in values]  # on this replica's device
    return tf.distribute.get_replica_context().all_reduce("SUM", values)


class Shared(Whole):
    """Sums over all replicas as they are asked for; `totals` keeps them, without gradients."""

    def __init__(self) -> None:
        self.totals: list[tf.Tensor] = []

    def sum(self, value: Any) -> Any:
        self.totals += sums([tf.stop_gradient(value)])
        return _with_gradient(self.totals[-1], value)

    def rows(self, value: Any) -> Any:
        # By sums, too: TensorFlow's gather fails on machines with one device each.
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows, columns = tf.unstack(tf.shape(value))
        own = tf.one_hot(number, count(), dtype="float64") * tf.cast(rows, "float64")
        counts = tf.cast(sums([own])[0], "int32")
        places = tf.reduce_sum(counts[:number]) + tf.range(rows)[:, None]
        shape = [tf.reduce_sum(counts), columns]
        every = sums([tf.scatter_nd(places, tf.stop_gradient(value), shape)])[0]
        return tf.tensor_scatter_nd_update(every, places, value)


class Known(Whole):
    """The sums that `Shared` has found, for a function that cannot speak to other replicas."""

    def __init__(self, totals: Sequence[Any]) -> None:
        self.totals = iter(totals)

    def sum(self, value: Any) -> Any:
        return _with_gradient(next(self.totals), value)


def _with_gradient(total, value):
    """`total`, with the gradient of `value`, one of its addends."""
    return value + tf.stop_gradient(total - value)
