"""The similarity of two maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class Similarity(keras.layers.Layer):
    """The scalar product of two maps (N, H, W, C) at every pixel, (N, H, W, 1)."""

    def call(self, x, y):
        return ops.sum(x * y, axis=-1, keepdims=True)

    def compute_output_spec(self, x, y):
        return keras.KerasTensor((*x.shape[:3], 1), self.compute_dtype)
