"""The first layers of every network: check the image's size and normalise pixels."""

import keras
from keras import ops

from tfseg.errors import UserError, unknown

# name -> (BGR order?, mean, standard deviation), on RGB pixels in 0..255
NORMALIZATIONS = {
    "imagenet": (False, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "unit": (False, (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    "caffe": (True, (104.00699, 116.66877, 122.67892), (1.0, 1.0, 1.0)),
    "symmetric": (False, (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),  # to -1..1
    "efficientnet_lite": (False, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
    "efficientnet_v2": (False, (128.0, 128.0, 128.0), (128.0, 128.0, 128.0)),
}


@keras.saving.register_keras_serializable("tfseg")
class AtLeast(keras.layers.Layer):
    """Returns the pixels, or raises `UserError` if a side is below `smallest`."""

    def __init__(self, smallest, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.smallest = smallest

    def call(self, pixels):
        height, width = pixels.shape[1:3]
        if any(side is not None and side < self.smallest for side in (height, width)):
            raise UserError(
                f"image of {height}x{width} pixels: each side needs at least {self.smallest}"
            )
        return pixels

    def compute_output_spec(self, pixels):
        return keras.KerasTensor(pixels.shape, pixels.dtype)

    def get_config(self):
        return {**super().get_config(), "smallest": self.smallest}


@keras.saving.register_keras_serializable("tfseg")
class Normalize(keras.layers.Layer):
    """RGB pixels in 0..255 -> pixels normalised as in the encoder's training, float32.

    `scheme`: "imagenet" (torchvision's mean and deviation), "unit" (/255), "caffe" (BGR minus
    mean), "symmetric" (-1 to 1), "efficientnet_lite" ((x - 127) / 128) or "efficientnet_v2"
    ((x - 128) / 128). It is exempt from autocast, because bfloat16 would round the pixels.
    """

    def __init__(self, scheme="imagenet", **kwargs):
        super().__init__(autocast=False, **kwargs)
        if scheme not in NORMALIZATIONS:
            raise unknown("normalization", scheme, NORMALIZATIONS)
        self.scheme = scheme

    def call(self, pixels):
        bgr, mean, deviation = NORMALIZATIONS[self.scheme]
        pixels = ops.cast(pixels, "float32")
        if bgr:
            pixels = ops.flip(pixels, axis=-1)
        mean, deviation = (ops.convert_to_tensor(v, "float32") for v in (mean, deviation))
        return (pixels - mean) / deviation

    def compute_output_spec(self, pixels):
        return keras.KerasTensor(pixels.shape, "float32")

    def get_config(self):
        return {**super().get_config(), "scheme": self.scheme}
