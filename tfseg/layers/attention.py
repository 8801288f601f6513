"""Attention between all positions of a map."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class PositionAttention(keras.layers.Layer):
    """Weights values by the similarity of two maps at each pair of positions, as smp's `MAnet`.

    Compares `first` and `second` (N, H, W, D); `values` and the result are (N, H, W, C). As in
    smp, one softmax runs over all pairs of positions, and the result, ordered by position and
    channel, is reshaped as if ordered by channel and position.
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
