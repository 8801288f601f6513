"""Encoders: normalised pixels -> features at strides 1 to 32. To add one, add a row to ENCODERS
(`table.py`); to add a family, add a file here and its rows.

It may import `layers`, and `checkpoints` for files of weights.
"""

from pathlib import Path
from typing import Any

import keras

from tfseg.encoders.table import ENCODERS
from tfseg.encoders.weights import fetch_imagenet
from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import Normalize

STRIDES = (2, 4, 8, 16, 32)
OUTPUT_STRIDES = (8, 16, 32)


def list_encoders() -> list[str]:
    """Names that `tfseg.build_encoder` accepts."""
    return list(ENCODERS)


def encode(name: str, x: Any, *, output_stride: int = 32, **options: Any) -> dict[str, Any]:
    """Normalised pixels (N, H, W, 3) -> dict of features: "stride2", "stride4", ... "stride32".

    Raises `UserError` if the encoder does not exist or cannot be dilated.
    """
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    if output_stride not in OUTPUT_STRIDES:
        raise UserError(f"--output_stride={output_stride}: choose one of 8, 16, 32")
    if output_stride != 32:
        if not ENCODERS[name].dilates:
            families = sorted({row.family for row in ENCODERS.values() if row.dilates})
            raise UserError(
                f"--output_stride={output_stride}: {name} has only 32; "
                f"families with 8 and 16: {', '.join(families)}"
            )
        options["output_stride"] = output_stride
    features = ENCODERS[name].build(x, **options)
    for layer, stride in _strides(x, features).items():
        layer.encoder_stride = stride
    return features


def skip(features: dict[str, Any], stride: int) -> Any:
    """The skip of a decoder at a stride: the feature, or its normalised form if there is one."""
    return features.get(f"skip{stride}", features[f"stride{stride}"])


def _strides(x, features):
    """Layers between `x` and the features -> the stride of the first feature each leads to."""
    found = {}
    for stride in (1, *STRIDES):
        waiting = [features[key] for key in (f"stride{stride}", f"skip{stride}") if key in features]
        while waiting:
            tensor = waiting.pop()
            layer = tensor._keras_history.operation
            if tensor is not x and layer not in found:
                found[layer] = stride
                waiting += layer._inbound_nodes[tensor._keras_history.node_index].input_tensors
    return found


def encoder_layers(model: keras.Model) -> dict[str, int]:
    """Names of a network's encoder layers, in order -> their strides.

    A layer has the stride of the first feature that it leads to, 1 to 32.
    """
    strides = ((layer.name, getattr(layer, "encoder_stride", None)) for layer in model.layers)
    return {name: stride for name, stride in strides if stride}


def unused_layers(model: keras.Model) -> set[str]:
    """Names of encoder layers that a network does not use: stages deeper than it needs.

    A network loaded from a file no longer has them.
    """
    used, found = set(model.layers), set()
    waiting = [*model.layers]
    while waiting:
        for node in waiting.pop()._outbound_nodes:
            layer = node.operation
            if layer not in used | found and getattr(layer, "encoder_stride", None):
                found.add(layer)
                waiting.append(layer)
    return {layer.name for layer in found}


def normalized(pixels: Any, scheme: str | None, encoder: str | None) -> Any:
    """Normalises pixels for an encoder; "auto" is its training's scheme, or "imagenet"."""
    if scheme == "auto":
        scheme = ENCODERS[encoder].normalization if encoder in ENCODERS else "imagenet"
    return Normalize(scheme, name="normalize")(pixels) if scheme else pixels


def build_encoder(
    name: str,
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    normalization: str | None = "auto",
    output_stride: int = 32,
    encoder_weights: str | Path | None = None,
) -> keras.Model:
    """Builds an encoder alone: RGB pixels in 0..255 -> {"stride2": ..., "stride32": ...}.

    Args:
        name: one of `list_encoders()`.
        input_shape: (H, W, 3); None takes any size.
        normalization: a scheme, as in `tfseg.build`; None if the input is normalised already.
        output_stride: 8 or 16 replaces the strides of the last stages by dilation.
        encoder_weights: "imagenet" or a file, as in `tfseg.build`.

    Raises:
        UserError: for an unknown name; the message suggests the nearest ones.

    Example:
        >>> features = tfseg.build_encoder("resnet34")(images)  # (1, 96, 128, 3)
        >>> features["stride32"].shape
        (1, 3, 4, 512)
    """
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = normalized(pixels, normalization, name)
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
    """Fills the encoder of a network from `source`: "imagenet", or a file of its weights.

    `keys` translates that file's keys to layer names.
    """
    row = ENCODERS[encoder]
    if source == "imagenet":
        if row.weights is None:
            raise UserError(
                f"--encoder_weights=imagenet: {encoder} has no ImageNet weights; leave it out"
            )
        source = fetch_imagenet(row.weights)
    row.load(model, encoder, source, (*keys, *row.keys))
