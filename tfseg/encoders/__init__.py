"""Encoders: normalised pixels -> features at strides 1 to 32. A new one is a row in ENCODERS, a new
family a file here and its rows.

Rooms it may use: `layers`, and `checkpoints` for files of weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras

from tfseg.encoders.densenet import densenet
from tfseg.encoders.resnet import basic_block, bottleneck, resnet
from tfseg.encoders.vgg import vgg
from tfseg.encoders.weights import Weights, fetch, load_weights
from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import Normalize


@dataclass(frozen=True)
class Encoder:
    """A row of `ENCODERS`.

    Attributes:
        build: (x, **options) -> features by name: "stride2", ..., "stride32", what else it has.
        family: what it is one of; families share their options and layout.
        channels: of "stride2" to "stride32".
        dilates: whether it takes `output_stride` 8 and 16.
        normalization: the pixels its ImageNet weights were trained on.
        weights: where those are; None where there are none.
        center: decoders of U-Net's kind want two convolutions of their own behind it, because it
            ends in a pool.
        preactivated: its features at strides 4 to 16 are not yet normalised and rectified.
    """

    build: Callable[..., dict[str, Any]]
    family: str
    channels: tuple[int, ...]
    dilates: bool = False
    normalization: str = "imagenet"
    weights: Weights | None = None
    center: bool = False
    preactivated: bool = False


def _resnet(block, depths, *weights):
    widths = (64, *(width * (4 if block is bottleneck else 1) for width in (64, 128, 256, 512)))
    build = partial(resnet, block=block, depths=depths)
    return Encoder(build, "resnet", widths, dilates=True, weights=Weights(*weights))


def _vgg(depths, norm, *weights):
    build = partial(vgg, depths=depths, norm=norm)
    return Encoder(build, "vgg", (128, 256, 512, 512, 512), weights=Weights(*weights), center=True)


def _densenet(depths, channels, *weights):
    build = partial(densenet, depths=depths)
    return Encoder(build, "densenet", channels, weights=Weights(*weights), preactivated=True)


# torchvision's first ImageNet weights (IMAGENET1K_V1), in timm's repositories or in those that
# segmentation_models.pytorch 0.6.0 pins. A checksum that nobody has published is not written.
ENCODERS = {
    "resnet18": _resnet(
        basic_block,
        (2, 2, 2, 2),
        "timm/resnet18.tv_in1k",
        "bbd144b3e5565108aad885f145491d11bc6ce807",
        "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
    ),
    "resnet34": _resnet(
        basic_block,
        (3, 4, 6, 3),
        "timm/resnet34.tv_in1k",
        "1b7b21cca82ff974d341713f777bf740c2db38c4",
        "0bb82595a564991a9d424708b33f5d843f5aaed7f6c0886ff10849ff97022235",
    ),
    "resnet50": _resnet(
        bottleneck,
        (3, 4, 6, 3),
        "timm/resnet50.tv_in1k",
        "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa",
        "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
    ),
    "resnet101": _resnet(
        bottleneck,
        (3, 4, 23, 3),
        "smp-hub/resnet101.imagenet",
        "cd7c15e8c51da86ae6a084515fdb962d0c94e7d1",
    ),
    "resnet152": _resnet(
        bottleneck,
        (3, 8, 36, 3),
        "smp-hub/resnet152.imagenet",
        "951dd835e9d086628e447b484584c8983f9e1dd0",
    ),
    "vgg16": _vgg(
        (2, 2, 3, 3, 3),
        False,
        "timm/vgg16.tv_in1k",
        "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f",
        "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
    ),
    "vgg16_bn": _vgg(
        (2, 2, 3, 3, 3),
        True,
        "smp-hub/vgg16_bn.imagenet",
        "2c186d02fb519e93219a99a1c2af6295aef0bf0d",
    ),
    "vgg19": _vgg(
        (2, 2, 4, 4, 4), False, "smp-hub/vgg19.imagenet", "2853d00d7bca364dbb98be4d6afa347e5aeec1f6"
    ),
    "vgg19_bn": _vgg(
        (2, 2, 4, 4, 4),
        True,
        "smp-hub/vgg19_bn.imagenet",
        "f09a924cb0d201ea6f61601df9559141382271d7",
    ),
    "densenet121": _densenet(
        (6, 12, 24, 16),
        (64, 256, 512, 1024, 1024),
        "timm/densenet121.tv_in1k",
        "f0d0f2698a02cb133b09d48396db6e1e46fe9f3b",
        "c894c6d9caa317a8ca1942986dee7a16a86c77734a4d691d2abe05389cfef358",
    ),
    "densenet169": _densenet(
        (6, 12, 32, 32),
        (64, 256, 512, 1280, 1664),
        "smp-hub/densenet169.imagenet",
        "8facfba9fc72f7750879dac9ac6ceb3ab990de8d",
    ),
    "densenet201": _densenet(
        (6, 12, 48, 32),
        (64, 256, 512, 1792, 1920),
        "smp-hub/densenet201.imagenet",
        "ed5deb355d71659391d46fae5e7587460fbb5f84",
    ),
}

OUTPUT_STRIDES = (8, 16, 32)


def list_encoders() -> list[str]:
    """Names that `tfseg.build_encoder` takes."""
    return list(ENCODERS)


def encode(name: str, x: Any, *, output_stride: int = 32, **options: Any) -> dict[str, Any]:
    """Normalised pixels (N, H, W, 3) -> dict of features: "stride2", "stride4", ... "stride32".

    Raises `UserError` for an encoder that does not exist, or that cannot be dilated.
    """
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    if output_stride not in OUTPUT_STRIDES:
        raise UserError(f"--output_stride={output_stride}: choose one of 8, 16, 32")
    if output_stride != 32:
        if not ENCODERS[name].dilates:
            families = sorted({row.family for row in ENCODERS.values() if row.dilates})
            raise UserError(
                f"--output_stride={output_stride}: {name} has 32 alone; "
                f"families with 8 and 16: {', '.join(families)}"
            )
        options["output_stride"] = output_stride
    features = ENCODERS[name].build(x, **options)
    for layer in _between(x, features.values()):
        layer.is_encoder = True
    return features


def _between(x, features):
    """The layers that lead from `x` to the features."""
    found, waiting = {}, list(features)
    while waiting:
        tensor = waiting.pop()
        layer = tensor._keras_history.operation
        if tensor is x or id(layer) in found:
            continue
        found[id(layer)] = layer
        waiting += layer._inbound_nodes[tensor._keras_history.node_index].input_tensors
    return found.values()


def encoder_layers(model: keras.Model) -> tuple[str, ...]:
    """Names of the layers that `encode` made in a network, in its order."""
    return tuple(layer.name for layer in model.layers if getattr(layer, "is_encoder", False))


def build_encoder(
    name: str,
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    normalization: str | None = "imagenet",
    output_stride: int = 32,
    encoder_weights: str | Path | None = None,
) -> keras.Model:
    """An encoder on its own: RGB pixels in 0..255 -> {"stride2": ..., "stride32": ...}.

    Args:
        name: one of `list_encoders()`.
        input_shape: (H, W, 3), None where any size is to be taken.
        normalization: "imagenet", "unit", "caffe", or None for pixels that are normalised already.
        output_stride: 8 or 16 dilates a ResNet's last stages in place of their strides.
        encoder_weights: "imagenet" or a file, as in `tfseg.build`.

    Raises:
        UserError: for an unknown name, with the nearest there are.

    Example:
        >>> features = tfseg.build_encoder("resnet34")(images)  # (1, 96, 128, 3)
        >>> features["stride32"].shape
        (1, 3, 4, 512)
    """
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = Normalize(normalization, name="normalize")(pixels) if normalization else pixels
    features = encode(name, x, output_stride=output_stride)
    outputs = {key: f for key, f in features.items() if key.startswith("stride")}
    model = keras.Model(pixels, outputs, name=name)
    model.encoder_layers = encoder_layers(model)
    if encoder_weights:
        load_encoder_weights(model, name, encoder_weights)
    return model


def load_encoder_weights(
    model: keras.Model, encoder: str, source: str | Path, keys: tuple = ()
) -> None:
    """Fills the encoder of a network from `source`: "imagenet", or a file of its PyTorch weights.

    `keys` is how that file spells what layers here are called.
    """
    if source != "imagenet":
        load_weights(model, encoder, source, keys)
        return
    weights = ENCODERS[encoder].weights
    if weights is None:
        raise UserError(f"--encoder_weights=imagenet: there are none of {encoder}; leave it out")
    load_weights(model, encoder, fetch(weights), keys)
