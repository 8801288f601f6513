"""Layers that give one tensor the height and width of another."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class CropLike(keras.layers.Layer):
    """Cuts `x` to the height and width of `like`, from row and column `offset` on.

    A transposed convolution answers with 2H + 1 rows; which of them are kept is what PyTorch
    calls padding (`offset`) and output padding (taken from `like`, so odd sizes come back exact).
    """

    def __init__(self, offset=0, **kwargs):
        super().__init__(**kwargs)
        self.offset = offset

    def call(self, x, like):
        if not self.offset and None not in x.shape[1:3] and x.shape[1:3] == like.shape[1:3]:
            return x  # known to fit
        batch, _, _, channels = ops.shape(x)
        size = ops.shape(like)[1:3]
        # ops.slice rather than x[...]: its gradient is a pad, several times faster on a CPU.
        return ops.slice(x, (0, self.offset, self.offset, 0), (batch, *size, channels))

    def compute_output_spec(self, x, like):
        return keras.KerasTensor((x.shape[0], *like.shape[1:3], x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "offset": self.offset}
