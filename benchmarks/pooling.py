"""Max pooling with indices and unpooling, compared with TensorFlow's argmax kernel and a scatter.

    python -m benchmarks.pooling

Prints milliseconds of both together, medians of interleaved runs, and the ratio; results are equal.
"""

import math

import numpy as np
import tensorflow as tf

from benchmarks.timing import Turns
from tfseg.layers.pooling import MaxPoolWithIndices, MaxUnpool

SHAPES = ((4, 360, 480, 64), (4, 180, 240, 128), (4, 90, 120, 256))
ROUNDS = 7


def argmax_and_scatter(x):
    maxima, where = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME", include_batch_in_index=True)
    size = tf.constant([math.prod(x.shape)], tf.int64)
    flat = tf.scatter_nd(tf.reshape(where, (-1, 1)), tf.reshape(maxima, (-1,)), size)
    return tf.reshape(flat, x.shape)


def main():
    pool, unpool = MaxPoolWithIndices(), MaxUnpool()
    contenders = {
        "tfseg": tf.function(lambda x: unpool(*pool(x))),
        "argmax": tf.function(argmax_and_scatter),
    }
    for shape in SHAPES:
        x = tf.random.normal(shape)
        np.testing.assert_array_equal(*(run(x) for run in contenders.values()))
        turns = Turns()
        for _ in range(ROUNDS):
            turns.take(contenders, x)
        ours, theirs = turns.medians(lambda seconds: 1000 * seconds).values()
        ratio = f"{ours / theirs:.2f} x argmax and scatter"
        print(f"{shape!s:20} {ours:7.1f} ms, {theirs:7.1f} ms: {ratio}")


if __name__ == "__main__":
    main()
