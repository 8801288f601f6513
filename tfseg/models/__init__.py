"""Networks: pixels -> logits. To add one, add a file here and a row in MODELS (`table.py`)."""

import inspect
from pathlib import Path
from typing import Any

import keras

from tfseg.encoders import ENCODERS, encoder_layers, load_encoder_weights, normalized
from tfseg.encoders.weights import found
from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import AtLeast
from tfseg.models.table import DILATED, MODELS, VIT


def build(
    name: str,
    num_classes: int,
    *,
    encoder: str | None = None,
    encoder_weights: str | Path | None = None,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    normalization: str | None = "auto",
    **options: Any,
) -> keras.Model:
    """Builds a network: RGB pixels in 0..255 (N, H, W, 3) -> float32 logits (N, H, W, K).

    Args:
        name: one of `list_models()`.
        num_classes: K, without void.
        encoder: one of the network's encoders; None takes its default.
        encoder_weights: None for random ones; "imagenet" (downloaded once, then cached); "auto"
            for ImageNet weights if cached or downloaded within seconds, else random ones; or the
            path of a file with the encoder's weights.
        input_shape: (H, W, 3); None takes any size from 32 up.
        normalization: how pixels are normalised: "auto" (as the encoder was trained, or
            "imagenet"), "imagenet", "unit", "caffe", "symmetric", "efficientnet_lite",
            "efficientnet_v2"; None if the input is normalised already.
        options: options of the network: `output_stride` (8, 16, 32), `k`, `encoder_depth` (3 to 5),
            `decoder_channels`, `decoder_attention` ("scse"), `decoder_interpolation` ("nearest",
            "bilinear"), `decoder_use_norm`, `merge_policy` ("add", "cat"), `decoder_readout`
            ("cat", "add", "ignore"). `aux=True` adds auxiliary heads for training: outputs
            {"logits", "aux"}.

    Raises:
        UserError: for an unknown name or option; the message suggests the nearest ones.

    Example:
        >>> model = tfseg.build("linknet", 11)
        >>> model(np.zeros((1, 360, 480, 3), "uint8")).shape
        (1, 360, 480, 11)
    """
    encoder, architecture = _check_encoder(name, encoder, encoder_weights), MODELS[name]
    _check_options(name, options)
    _check_shape(name, num_classes, input_shape)
    pixels = keras.Input(input_shape, dtype="float32", name="images")
    x = AtLeast(architecture.smallest, name="size")(pixels)
    x = normalized(x, normalization, encoder)
    options = {**options, "encoder": encoder} if encoder else options
    outputs = architecture.network(pixels, x, num_classes, **options)
    if isinstance(outputs, dict):
        outputs = {key: _named_output(output, key) for key, output in outputs.items()}
    else:
        outputs = _named_output(outputs, "logits")
    model = keras.Model(pixels, outputs, name=name)
    model.encoder_layers = encoder_layers(model)
    if (source := starting_weights(name, encoder, encoder_weights)) != "none":
        load_encoder_weights(model, encoder, source, architecture.keys)
    return model


def starting_weights(name: str, encoder: str | None, wanted: str | Path | None) -> str | Path:
    """The weights an encoder starts from: "imagenet", "none" or a file. Resolves "auto".

    Prints a line if "auto" finds no weights.
    """
    encoder = _check_encoder(name, encoder, wanted)
    if wanted != "auto":
        return wanted or "none"
    return found(encoder, ENCODERS[encoder].weights) if encoder else "none"


def list_models() -> list[str]:
    """Names that `tfseg.build` accepts."""
    return list(MODELS)


def _named_output(x, name):
    return keras.layers.Activation("linear", dtype="float32", name=name)(x)


def options_of(name):
    """The options of a network and their defaults, from its builder's signature."""
    parameters = inspect.signature(MODELS[name].network).parameters.values()
    return {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}


def _check_encoder(name, encoder, encoder_weights):
    """The encoder of a network, or None if it has no exchangeable one."""
    if name not in MODELS:
        raise unknown("network", name, MODELS)
    encoders = MODELS[name].encoders
    if encoder is None:
        encoder = options_of(name).get("encoder")
    elif encoder not in encoders:
        if not encoders:
            raise UserError(f"{name} has a fixed encoder; leave out --encoder={encoder}")
        if encoder in ENCODERS:
            families = ", ".join(sorted({ENCODERS[other].family for other in encoders}))
            raise UserError(f"{name} {_why_not(encoder, encoders)}; choose from {families}")
        raise unknown("encoder", encoder, encoders)
    if encoder_weights not in (None, "auto", "none") and not encoder:
        raise UserError(
            f"--encoder_weights={encoder_weights}: {name} "
            + ("needs an encoder for that" if encoders else "has no encoder to load them into")
        )
    return encoder


def _why_not(encoder, encoders):
    """The reason why a network that takes `encoders` does not take `encoder`."""
    if set(encoders) <= set(VIT):
        return f"reads the tokens of a vision transformer, and {encoder} has none"
    if set(encoders) <= set(DILATED):
        return f"dilates its encoder, and {encoder} cannot be"
    if encoder in VIT:
        return f"joins maps of several strides, and {encoder} has only one"
    return f"joins a map at stride 2, and {encoder} has none"


def _check_options(name, options):
    known = [option for option in options_of(name) if option != "encoder"]
    for option in options:
        if option not in known:
            raise unknown(
                f"option of {name}", option, [*known, "encoder"] if MODELS[name].encoders else known
            )


def _check_shape(name, num_classes, input_shape):
    if num_classes < 1:
        raise UserError(f"num_classes is {num_classes}; at least one class is needed")
    height, width, channels = input_shape
    if channels != 3:
        raise UserError(f"input_shape {tuple(input_shape)} must end in 3: RGB pixels")
    smallest = MODELS[name].smallest
    for side in (height, width):
        if side is not None and side < smallest:
            raise UserError(
                f"input_shape {tuple(input_shape)}: {name} needs {smallest} pixels a side"
            )
