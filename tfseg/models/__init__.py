"""Networks: pixels -> logits. A new one is a file here and a row in MODELS."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfseg.encoders import ENCODERS, encoder_layers, load_encoder_weights, normalized
from tfseg.encoders.weights import found
from tfseg.errors import UserError, unknown
from tfseg.layers.preprocess import AtLeast
from tfseg.models import (
    bisenetv2,
    ddrnet,
    deconvnet,
    deeplab,
    duc,
    enet,
    fast_scnn,
    fcn,
    fpn,
    gcn,
    hrnet,
    learn_segmentation,
    linknet,
    manet,
    pan,
    pidnet,
    pspnet,
    refinenet,
    segformer,
    segnet,
    smp,
    unet,
    unetplusplus,
    upernet,
)


@dataclass(frozen=True)
class Architecture:
    """A row of `MODELS`.

    Attributes:
        network: (pixels, x, num_classes, *, options) -> logits, or {"logits", "aux"}. `pixels`
            gives the size, `x` is what the first layer sees.
        paper: authors, year and arXiv number, or where it comes from.
        encoders: the names its `encoder` option takes; none where it has its own.
        keys: how a public checkpoint spells what layers here are called; see `tfseg.weights`.
        smallest: pixels a side that it needs.
        output_stride: of its coarsest map, where its options do not say otherwise.
        samples: looks with dropout that prediction averages unless told otherwise; 0 is one look
            without.
    """

    network: Callable
    paper: str
    encoders: tuple[str, ...] = ()
    keys: tuple = ()
    smallest: int = 32
    output_stride: int = 32
    samples: int = 0


ANY = tuple(ENCODERS)
HALVING = tuple(name for name, row in ENCODERS.items() if row.channels[0])  # a map at stride 2
DILATED = tuple(name for name, row in ENCODERS.items() if row.dilates)
STEM = pspnet.KEYS  # zijundeng's spelling of a ResNet's first layers

_LINKNET = "Chaurasia and Culurciello 2017, arXiv 1707.03718"
_FCN = "Long et al. 2015, arXiv 1411.4038"
_SEGNET = "Badrinarayanan et al. 2015, arXiv 1511.00561"
_SEGFORMER = "Xie et al. 2021, arXiv 2105.15203"
_DDRNET = "Hong et al. 2021, arXiv 2101.06085"
_PIDNET = "Xu et al. 2022, arXiv 2206.02066"
_HRNET = "Sun et al. 2019, arXiv 1904.04514; OCR: Yuan et al. 2019, arXiv 1909.11065"
_LEARN = "LearnSegmentation (TensorFlow 1)"

MODELS = {
    "linknet": Architecture(linknet.linknet, _LINKNET, HALVING, linknet.KEYS),
    "linknet_residual": Architecture(linknet.linknet_residual, _LINKNET, HALVING, linknet.KEYS),
    "linknet_nobypass": Architecture(linknet.linknet_nobypass, _LINKNET, HALVING, linknet.KEYS),
    "linknet_smp": Architecture(linknet.linknet_smp, f"{_LINKNET}, smp's", HALVING, smp.KEYS),
    "fcn32s": Architecture(fcn.fcn32s, _FCN, ANY, fcn.KEYS),
    "fcn16s": Architecture(fcn.fcn16s, _FCN, ANY, fcn.KEYS),
    "fcn8s": Architecture(fcn.fcn8s, _FCN, ANY, fcn.KEYS),
    "fcn": Architecture(
        fcn.fcn, f"{_FCN}, torchvision's", DILATED, fcn.TORCHVISION_KEYS, output_stride=8
    ),
    "segnet": Architecture(segnet.segnet, _SEGNET),
    "segnet_basic": Architecture(segnet.segnet_basic, _SEGNET, output_stride=16),
    "bayesian_segnet": Architecture(
        segnet.bayesian_segnet,
        "Kendall et al. 2015, arXiv 1511.02680",
        samples=8,  # the paper's gain over weights without dropout comes with the first six
    ),
    "segnet_plain": Architecture(
        learn_segmentation.segnet_plain, _LEARN, smallest=61, output_stride=8
    ),
    "segnet_connected": Architecture(
        learn_segmentation.segnet_connected, _LEARN, smallest=61, output_stride=8
    ),
    "segnet_gated": Architecture(
        learn_segmentation.segnet_gated, _LEARN, smallest=61, output_stride=8
    ),
    "fcn_autoencoder": Architecture(
        learn_segmentation.fcn_autoencoder, _LEARN, smallest=61, output_stride=8
    ),
    "cae": Architecture(learn_segmentation.cae, _LEARN, smallest=61, output_stride=4),
    "deconvnet": Architecture(
        deconvnet.deconvnet, "Noh et al. 2015, arXiv 1505.04366", smallest=224
    ),
    "enet": Architecture(enet.enet, "Paszke et al. 2016, arXiv 1606.02147", output_stride=8),
    "unet": Architecture(
        unet.unet,
        "Ronneberger et al. 2015, arXiv 1505.04597",
        ANY,
        unet.KEYS,
        output_stride=16,
    ),
    "unet_subpixel": Architecture(
        unet.unet_subpixel, "U-Net's decoder, slim; Shi et al. 2016, arXiv 1609.05158", HALVING
    ),
    "unetplusplus": Architecture(
        unetplusplus.unetplusplus, "Zhou et al. 2018, arXiv 1807.10165", HALVING, unetplusplus.KEYS
    ),
    "manet": Architecture(manet.manet, "Fan et al. 2020, IEEE Access 8, 179656", HALVING, smp.KEYS),
    "fpn": Architecture(fpn.fpn, "Kirillov et al. 2019, arXiv 1901.02446", ANY, smp.KEYS),
    "pan": Architecture(
        pan.pan, "Li et al. 2018, arXiv 1805.10180", DILATED, smp.KEYS, output_stride=16
    ),
    "upernet": Architecture(upernet.upernet, "Xiao et al. 2018, arXiv 1807.10221", ANY, smp.KEYS),
    "pspnet": Architecture(
        pspnet.pspnet, "Zhao et al. 2016, arXiv 1612.01105", DILATED, STEM, output_stride=8
    ),
    "pspnet_smp": Architecture(
        pspnet.pspnet_smp,
        "Zhao et al. 2016, arXiv 1612.01105, smp's",
        ANY,
        smp.KEYS,
        output_stride=8,
    ),
    "gcn": Architecture(gcn.gcn, "Peng et al. 2017, arXiv 1703.02719", HALVING, gcn.KEYS),
    "duc": Architecture(
        duc.duc, "Wang et al. 2017, arXiv 1702.08502", DILATED, STEM, output_stride=8
    ),
    "duc_hdc": Architecture(
        duc.duc_hdc, "Wang et al. 2017, arXiv 1702.08502", DILATED, STEM, output_stride=8
    ),
    "deeplabv3": Architecture(
        deeplab.deeplabv3,
        "Chen et al. 2017, arXiv 1706.05587",
        DILATED,
        deeplab.KEYS,
        output_stride=8,
    ),
    "deeplabv3plus": Architecture(
        deeplab.deeplabv3plus,
        "Chen et al. 2018, arXiv 1802.02611",
        DILATED,
        deeplab.KEYS,
        output_stride=16,
    ),
    "deeplabv3_smp": Architecture(
        deeplab.deeplabv3_smp,
        "Chen et al. 2017, arXiv 1706.05587, smp's",
        DILATED,
        deeplab.SMP_KEYS,
        output_stride=8,
    ),
    "deeplabv3plus_smp": Architecture(
        deeplab.deeplabv3plus_smp,
        "Chen et al. 2018, arXiv 1802.02611, smp's",
        DILATED,
        smp.KEYS,
        output_stride=16,
    ),
    "refinenet": Architecture(refinenet.refinenet, "Lin et al. 2016, arXiv 1611.06612", ANY),
    "segformer": Architecture(segformer.segformer, _SEGFORMER, ANY, segformer.KEYS),
    "segformer_smp": Architecture(
        segformer.segformer_smp, f"{_SEGFORMER}, smp's", ANY, segformer.KEYS
    ),
    "fast_scnn": Architecture(
        fast_scnn.fast_scnn, "Poudel et al. 2019, arXiv 1902.04502", keys=fast_scnn.KEYS
    ),
    "bisenetv2": Architecture(
        bisenetv2.bisenetv2, "Yu et al. 2020, arXiv 2004.02147", keys=bisenetv2.KEYS
    ),
    "ddrnet23_slim": Architecture(
        ddrnet.ddrnet23_slim, _DDRNET, keys=ddrnet.KEYS, output_stride=64
    ),
    "ddrnet23": Architecture(ddrnet.ddrnet23, _DDRNET, keys=ddrnet.KEYS, output_stride=64),
    "pidnet_s": Architecture(pidnet.pidnet_s, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "pidnet_m": Architecture(pidnet.pidnet_m, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "pidnet_l": Architecture(pidnet.pidnet_l, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "hrnet_w18": Architecture(hrnet.hrnet_w18, _HRNET, keys=hrnet.KEYS),
    "hrnet_w48": Architecture(hrnet.hrnet_w48, _HRNET, keys=hrnet.KEYS),
}


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
    """A segmentation network: RGB pixels in 0..255 (N, H, W, 3) -> float32 logits (N, H, W, K).

    Args:
        name: one of `list_models()`.
        num_classes: K, void not counted.
        encoder: one of the network's encoders; its usual one where None.
        encoder_weights: None for fresh ones; "imagenet" for those of the encoder's row (fetched
            once, cached); "auto" for these where they lie here or come within seconds, otherwise
            fresh ones; or the path of a file with the encoder's weights.
        input_shape: (H, W, 3); None where any size from 32 up is to be taken.
        normalization: what pixels become: "auto" (what the encoder was trained on, or
            "imagenet"), "imagenet", "unit", "caffe", "symmetric", "efficientnet_lite",
            "efficientnet_v2"; None for pixels normalised already.
        options: the network's own: `output_stride` (8, 16, 32), `k`, `encoder_depth` (3 to 5),
            `decoder_channels`, `decoder_attention` ("scse"). `aux=True`, where a network has it,
            makes the outputs {"logits", "aux"}, for training.

    Raises:
        UserError: for an unknown name or option, with the nearest ones there are.

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
    """What a network's encoder starts from: "imagenet", "none" or a file; "auto" is settled here.

    Prints a line where "auto" finds no weights of an encoder.
    """
    encoder = _check_encoder(name, encoder, wanted)
    if wanted != "auto":
        return wanted or "none"
    return found(encoder, ENCODERS[encoder].weights) if encoder else "none"


def list_models() -> list[str]:
    """Names that `tfseg.build` takes."""
    return list(MODELS)


def _named_output(x, name):
    return keras.layers.Activation("linear", dtype="float32", name=name)(x)


def options_of(name):
    """The options of a network and their defaults, as its builder has them."""
    parameters = inspect.signature(MODELS[name].network).parameters.values()
    return {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}


def _check_encoder(name, encoder, encoder_weights):
    """The encoder a network is built on, None where it has none of these."""
    if name not in MODELS:
        raise unknown("network", name, MODELS)
    encoders = MODELS[name].encoders
    if encoder is None:
        encoder = options_of(name).get("encoder")
    elif encoder not in encoders:
        if not encoders:
            raise UserError(f"{name} has an encoder of its own; leave out --encoder={encoder}")
        if encoder in ENCODERS:
            families = ", ".join(sorted({ENCODERS[other].family for other in encoders}))
            why = f"dilates its encoder, and {encoder} cannot be"
            if set(encoders) - set(DILATED):
                why = f"joins a map at stride 2, and {encoder} has none"
            raise UserError(f"{name} {why}; take a {families}")
        raise unknown("encoder", encoder, encoders)
    if encoder_weights not in (None, "auto", "none") and not encoder:
        raise UserError(
            f"--encoder_weights={encoder_weights}: {name} "
            + ("needs an encoder for that" if encoders else "has no encoder to load them into")
        )
    return encoder


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
