"""Padding with any value, and to any multiple."""

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


@keras.saving.register_keras_serializable("tfseg")
class PadToMultiple(keras.layers.Layer):
    """Pads (N, H, W, C) with zeros, right and at the bottom, to sides that `number` divides."""

    def __init__(self, number, **kwargs):
        super().__init__(**kwargs)
        self.number = number

    def call(self, x):
        short = [-side % self.number for side in ops.shape(x)[1:3]]
        if all(isinstance(side, int) and side == 0 for side in short):
            return x
        return ops.pad(x, ((0, 0), (0, short[0]), (0, short[1]), (0, 0)))

    def compute_output_spec(self, x):
        sides = (side if side is None else side + -side % self.number for side in x.shape[1:3])
        return keras.KerasTensor((x.shape[0], *sides, x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "number": self.number}
