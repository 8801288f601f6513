"""A row of the table of encoders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfseg.encoders.weights import load_weights
from tfseg.fetching import Source


@dataclass(frozen=True)
class Encoder:
    """A row of `ENCODERS`.

    Attributes:
        build: (x, **options) -> features by name: "stride2", ..., "stride32" and others.
        family: name of its family, which shares options and layout.
        channels: channels of "stride2" to "stride32"; 0 if there is no such map.
        dilates: whether it supports `output_stride` 8 and 16.
        normalization: normalisation of its ImageNet weights, and the default for pixels.
        weights: source of those weights; None if no public table pins them.
        load: (network, encoder, path, keys) fills the network's encoder from a file of weights.
        keys: translation of that file's keys to layer names; see `tfseg.weights`.
        center: U-Net-like decoders need two convolutions after it, because it ends in a pool.
        timm: whether segmentation_models.pytorch has it only through timm, which dilates like
            torchvision: a stage's first block as the stage before. smp's own encoders dilate
            that block like the rest of the stage.
        preactivated: whether its features at strides 4 to 16 lack normalisation and ReLU.
    """

    build: Callable[..., dict[str, Any]]
    family: str
    channels: tuple[int, ...]
    dilates: bool = False
    normalization: str = "imagenet"
    weights: Source | None = None
    load: Callable[..., None] = load_weights
    keys: tuple = ()
    center: bool = False
    timm: bool = False
    preactivated: bool = False
