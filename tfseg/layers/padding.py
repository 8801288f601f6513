"""Padding with any value and to any multiple."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class Pad(keras.layers.Layer):
    """Pads (N, H, W, C) by `paddings`, (before, after) of each axis, with `value`.

    It is a layer rather than an operation so that networks also load from `.h5` files.
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
    """Pads (N, H, W, C) with zeros, at the right and bottom, to a multiple of `number`."""

    def __init__(self, number, **kwargs):
        super().__init__(**kwargs)
        self.number = number

    def call(self, x):
        batch, *sides, channels = ops.shape(x)
        wanted = [side + -side % self.number for side in sides]
        if wanted == list(x.shape[1:3]):
            return x
        # LiteRT loses the channel count after a padding of dynamic size, so pad by the most that
        # may be needed and cut off the rest.
        most = self.number - 1
        x = ops.pad(x, ((0, 0), (0, most), (0, most), (0, 0)))
        return ops.slice(x, (0, 0, 0, 0), (batch, *wanted, channels))

    def compute_output_spec(self, x):
        sides = (side if side is None else side + -side % self.number for side in x.shape[1:3])
        return keras.KerasTensor((x.shape[0], *sides, x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "number": self.number}
