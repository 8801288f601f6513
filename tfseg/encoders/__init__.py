"""Encoders: normalised pixels -> features at strides 2 to 32. A new one is a line in ENCODERS."""

from functools import partial

import keras

from tfseg.encoders.resnet import basic_block, resnet
from tfseg.errors import unknown
from tfseg.layers.preprocess import Normalize

ENCODERS = {
    "resnet18": partial(resnet, block=basic_block, depths=(2, 2, 2, 2)),
    "resnet34": partial(resnet, block=basic_block, depths=(3, 4, 6, 3)),
}


def encode(name, x):
    """Normalised pixels (N, H, W, 3) -> dict of features: "stride2", "stride4", ... "stride32"."""
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    return ENCODERS[name](x)


def build_encoder(name, *, input_shape=(None, None, 3), normalization="imagenet"):
    """An encoder on its own: RGB pixels in 0..255 -> {"stride2": ..., "stride32": ...}.

    Args:
        name: one of `ENCODERS`.
        input_shape: (H, W, 3), None where any size is to be taken.
        normalization: "imagenet", "unit", "caffe", or None for pixels that are normalised already.
    """
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = Normalize(normalization, name="normalize")(pixels) if normalization else pixels
    features = {key: f for key, f in encode(name, x).items() if key.startswith("stride")}
    return keras.Model(pixels, features, name=name)
