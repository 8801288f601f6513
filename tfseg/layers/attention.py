"""Attention of every place to every other one."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class PositionAttention(keras.layers.Layer):
    """Values weighted by how alike two maps are at two places, as smp's `MAnet` does it.

    `first` and `second` (N, H, W, D) are compared, `values` is (N, H, W, C); so is the result.
    Two things are as there: one softmax runs over all pairs of places, and the result, a list of
    places with their channels, is read as a list of channels with their places.
    """

    def call(self, first, second, values):
        _, height, width, channels = ops.shape(values)
        first, second, values = (
            ops.reshape(x, (-1, height * width, x.shape[-1])) for x in (first, second, values)
        )
        alike = ops.cast(ops.matmul(second, ops.transpose(first, (0, 2, 1))), "float32")
        alike = ops.softmax(ops.reshape(alike, (-1, (height * width) ** 2)), axis=-1)
        alike = ops.reshape(alike, (-1, height * width, height * width))
        seen = ops.matmul(ops.cast(alike, values.dtype), values)
        seen = ops.reshape(seen, (-1, channels, height, width))
        return ops.transpose(seen, (0, 2, 3, 1))

    def compute_output_spec(self, first, second, values):
        return keras.KerasTensor(values.shape, values.dtype)
