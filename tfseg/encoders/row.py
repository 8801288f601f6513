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
        build: (x, **options) -> features by name: "stride2", ..., "stride32", what else it has.
        family: what it is one of; families share their options and layout.
        channels: of "stride2" to "stride32"; 0 where it has no such map.
        dilates: whether it takes `output_stride` 8 and 16.
        normalization: what its ImageNet weights were trained on: what pixels become where nobody
            says otherwise.
        weights: where those are; None where no public table pins them.
        load: (network, encoder, path, keys) fills the network's encoder from a file of weights.
        keys: how their file spells what layers here are called; see `tfseg.weights`.
        center: decoders of U-Net's kind want two convolutions of their own behind it, because it
            ends in a pool.
        timm: segmentation_models.pytorch has it from timm alone, which dilates as torchvision does:
            the first block of a stage as the stage before. Its own encoders dilate that, too.
        preactivated: its features at strides 4 to 16 are not yet normalised and rectified.
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
