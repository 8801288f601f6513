"""Encoders: normalised pixels -> features at strides 1 to 32. A new one is a line in ENCODERS."""

import inspect
import re
from functools import partial

import keras

from tfseg.checkpoints import imagenet_file, read_state_dict
from tfseg.encoders.densenet import densenet
from tfseg.encoders.resnet import basic_block, bottleneck, resnet
from tfseg.encoders.vgg import vgg
from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import Normalize
from tfseg.layers.state_dict import fill, named_variables, rename

ENCODERS = {
    "resnet18": partial(resnet, block=basic_block, depths=(2, 2, 2, 2)),
    "resnet34": partial(resnet, block=basic_block, depths=(3, 4, 6, 3)),
    "resnet50": partial(resnet, block=bottleneck, depths=(3, 4, 6, 3)),
    "resnet101": partial(resnet, block=bottleneck, depths=(3, 4, 23, 3)),
    "resnet152": partial(resnet, block=bottleneck, depths=(3, 8, 36, 3)),
    "vgg16": partial(vgg, depths=(2, 2, 3, 3, 3)),
    "vgg16_bn": partial(vgg, depths=(2, 2, 3, 3, 3), norm=True),
    "vgg19": partial(vgg, depths=(2, 2, 4, 4, 4)),
    "vgg19_bn": partial(vgg, depths=(2, 2, 4, 4, 4), norm=True),
    "densenet121": partial(densenet, depths=(6, 12, 24, 16)),
    "densenet169": partial(densenet, depths=(6, 12, 32, 32)),
    "densenet201": partial(densenet, depths=(6, 12, 48, 32)),
}

OUTPUT_STRIDES = (8, 16, 32)

# Encoder layers bear torchvision's module paths, so a name tells that a layer is the encoder's.
_ENCODER_LAYER = re.compile(r"(conv1|bn1)$|layer[1-4]\.\d+\.|features\.")


def is_encoder_layer(layer):
    """Whether a network's layer belongs to its encoder."""
    return bool(_ENCODER_LAYER.match(layer.name))


def encode(name, x, *, output_stride=32, **options):
    """Normalised pixels (N, H, W, 3) -> dict of features: "stride2", "stride4", ... "stride32".

    Raises `UserError` for an encoder that does not exist, or that cannot be dilated.
    """
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    if output_stride not in OUTPUT_STRIDES:
        raise UserError(f"output_stride={output_stride}: choose one of 8, 16, 32")
    if output_stride != 32:
        if "output_stride" not in inspect.signature(ENCODERS[name]).parameters:
            raise UserError(f"output_stride={output_stride}: only ResNets have 8 and 16")
        options["output_stride"] = output_stride
    return ENCODERS[name](x, **options)


def build_encoder(
    name,
    *,
    input_shape=(None, None, 3),
    normalization="imagenet",
    output_stride=32,
    encoder_weights=None,
):
    """An encoder on its own: RGB pixels in 0..255 -> {"stride2": ..., "stride32": ...}.

    Args:
        name: one of `ENCODERS`.
        input_shape: (H, W, 3), None where any size is to be taken.
        normalization: "imagenet", "unit", "caffe", or None for pixels that are normalised already.
        output_stride: 8 or 16 dilates a ResNet's last stages in place of their strides.
        encoder_weights: "imagenet" or a file, as in `tfseg.build`.
    """
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = Normalize(normalization, name="normalize")(pixels) if normalization else pixels
    features = encode(name, x, output_stride=output_stride)
    outputs = {key: f for key, f in features.items() if key.startswith("stride")}
    model = keras.Model(pixels, outputs, name=name)
    if encoder_weights:
        load_encoder_weights(model, name, encoder_weights)
    return model


def load_encoder_weights(model, encoder, source, keys=()):
    """Fills the encoder of a network from `source`: "imagenet", or a file of its PyTorch weights.

    Every weight of the encoder must be there. What else the file holds is left out, but for what
    the network also has: FCN's two large layers are the ImageNet classifier's.
    """
    path = imagenet_file(encoder) if source == "imagenet" else source
    found = rename(read_state_dict(path), keys)
    wanted = {
        key: entry
        for key, entry in named_variables(model).items()
        if key in found or is_encoder_layer(entry[0])
    }
    found = {key: array for key, array in found.items() if key in wanted}
    fill(wanted, found, f"{encoder} ({path})")
