"""Padding with any value."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class Pad(keras.layers.Layer):
    """Pads (N, H, W, C) by `paddings`, (before, after) of each axis, with `value`.

    A layer and no operation, so that networks also load from `.h5` files.
    """

    def __init__(self, paddings, value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.paddings, self.value = tuple(map(tuple, paddings)), value

    def call(self, x):
        return ops.pad(x, self.paddings, constant_values=self.value)

    def get_config(self):
        return {**super().get_config(), "paddings": self.paddings, "value": self.value}
