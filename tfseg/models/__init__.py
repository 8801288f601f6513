"""Networks: pixels -> logits. A new one is a file here and a line in MODELS."""

import inspect

import keras

from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import Normalize
from tfseg.models import linknet as _linknet

MODELS = {
    "linknet": _linknet.linknet,
}

# How a public checkpoint spells its keys -> layer names here, by network.
KEYS = {
    "linknet": _linknet.KEYS,
}

SMALLEST = 32  # pixels a side: below that an encoder's last stage has less than one row


def build(name, num_classes, *, input_shape=(None, None, 3), normalization="imagenet", **options):
    """A segmentation network: RGB pixels in 0..255 (N, H, W, 3) -> float32 logits (N, H, W, K).

    Args:
        name: one of `MODELS`.
        num_classes: K, void not counted.
        input_shape: (H, W, 3); None where any size from 32 up is to be taken.
        normalization: "imagenet", "unit", "caffe", or None for pixels normalised already.
        options: the network's own, such as `encoder="resnet34"`.

    Raises:
        UserError: for an unknown name or option, with the nearest ones there are.

    Example:
        >>> model = tfseg.build("linknet", 11)
        >>> model(np.zeros((1, 360, 480, 3), "uint8")).shape
        (1, 360, 480, 11)
    """
    if name not in MODELS:
        raise unknown("network", name, MODELS)
    network = MODELS[name]
    known = [
        p.name for p in inspect.signature(network).parameters.values() if p.kind == p.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    _check_shape(num_classes, input_shape)
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = Normalize(normalization, name="normalize")(pixels) if normalization else pixels
    logits = network(pixels, x, num_classes, **options)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
    return keras.Model(pixels, logits, name=name)


def _check_shape(num_classes, input_shape):
    if num_classes < 1:
        raise UserError(f"num_classes is {num_classes}; at least one class is needed")
    height, width, channels = input_shape
    if channels != 3:
        raise UserError(f"input_shape {tuple(input_shape)} must end in 3: RGB pixels")
    for side in (height, width):
        if side is not None and side < SMALLEST:
            raise UserError(f"input_shape {tuple(input_shape)} is below {SMALLEST} pixels a side")
