"""Which network a command uses, and how it looks at images."""

from dataclasses import dataclass
from pathlib import Path

from tfseg.config.words import (
    CHECKPOINT,
    DECODER_ATTENTION,
    DECODER_CHANNELS,
    DECODER_INTERPOLATION,
    ENCODER,
    ENCODER_DEPTH,
    GPU,
    INSTEAD,
    MEM_FRAC,
    MERGE_POLICY,
    MODEL,
    NORMALIZATION,
    NORMALIZATIONS,
    OUTPUT_STRIDE,
    RUN,
)
from tfseg.flags import Config, flag, gpus, numbers, path, size, switch, widths


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Which network to use: a run's, or a public checkpoint's."""

    run: Path = flag(None, RUN, path)
    model: str = flag(None, INSTEAD + MODEL)
    encoder: str = flag(None, ENCODER, group="model")
    output_stride: int = flag(None, OUTPUT_STRIDE, int, choices=(8, 16, 32), group="model")
    encoder_depth: int = flag(None, ENCODER_DEPTH, int, choices=(3, 4, 5), group="model")
    decoder_channels: tuple = flag(None, DECODER_CHANNELS, widths, group="model")
    decoder_attention: str = flag(None, DECODER_ATTENTION, choices=("scse",), group="model")
    decoder_interpolation: str = flag(
        None, DECODER_INTERPOLATION, choices=("nearest", "bilinear"), group="model"
    )
    merge_policy: str = flag(None, MERGE_POLICY, choices=("add", "cat"), group="model")
    normalization: str = flag("auto", NORMALIZATION, choices=NORMALIZATIONS, group="model")
    checkpoint: Path = flag(None, CHECKPOINT, path)


@dataclass(frozen=True)
class LookConfig(NetworkConfig):
    """How the network looks at pictures."""

    gpu: tuple = flag((0,), GPU, gpus)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1)
    scales: tuple = flag(
        (1.0,), "sizes to look at each picture, as 0.5,1,1.5; the mean", numbers, group="looks"
    )
    flip: bool = flag(False, "look at the mirror image too", switch, group="looks")
    tile: int = flag(
        None, "cut pictures into overlapping windows of so many pixels", int, low=1, group="looks"
    )
    overlap: float = flag(
        0.25, "share of a tile that its neighbours share", float, low=0, high=0.9, group="looks"
    )
    size: tuple = flag(
        None, "run at this HxW in pixels, answer at the picture's own", size, group="looks"
    )
    mc_samples: int = flag(
        None,
        "looks with dropout (8 with bayesian_segnet, otherwise 0: without)",
        int,
        low=0,
        group="looks",
    )
    crf: bool = flag(False, "refine by a fully connected CRF", switch)
    crf_iterations: int = flag(None, "its steps", int, low=1, group="crf")
    crf_gaussian_sxy: float = flag(
        None, "reach of its smoothing, pixels", float, low=1e-3, group="crf"
    )
    crf_gaussian_compat: float = flag(None, "weight of that", float, low=0, group="crf")
    crf_bilateral_sxy: float = flag(
        None, "reach of its colour term, pixels", float, low=1e-3, group="crf"
    )
    crf_bilateral_srgb: float = flag(
        None, "reach in colour, levels of 0 to 255", float, low=1e-3, group="crf"
    )
    crf_bilateral_compat: float = flag(None, "weight of that", float, low=0, group="crf")
