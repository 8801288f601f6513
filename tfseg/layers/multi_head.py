"""Attention between the positions of two maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class MultiHeadAttention(keras.layers.Layer):
    """Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2).

    Every position of `query` (N, H, W, C) gets a mean of `value` (N, h, w, C) over all positions,
    weighted by the match of its query with their `key`. Each of `heads` sees its share of the
    channels. Weights are computed in float32. The network adds the projections.
    """

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, query, key, value):
        _, height, width, channels = ops.shape(query)
        query = ops.transpose(self._by_head(query), (0, 2, 1, 3))
        key = ops.transpose(self._by_head(key), (0, 2, 3, 1))
        value = ops.transpose(self._by_head(value), (0, 2, 1, 3))
        fit = ops.matmul(query * (channels // self.heads) ** -0.5, key)
        weights = ops.softmax(ops.cast(fit, "float32"))
        x = ops.matmul(ops.cast(weights, value.dtype), value)
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height, width, channels))

    def _by_head(self, x):
        """(N, H, W, C) -> (N, H·W, heads, C / heads)."""
        _, height, width, channels = ops.shape(x)
        return ops.reshape(x, (-1, height * width, self.heads, channels // self.heads))

    def compute_output_spec(self, query, key, value):
        return keras.KerasTensor(query.shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}
