"""The flags that choose a network, and its test-time options."""

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
    TASK,
    TASKS,
)
from tfseg.errors import UserError
from tfseg.flags import Config, flag
from tfseg.parsing import gpus, numbers, path, shares, size, switch, widths


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Which network to use: a run's, or a public checkpoint's."""

    run: Path = flag(None, RUN, path, publish=True, path="run")  # `test` writes there
    model: str = flag(None, INSTEAD + MODEL, path="trained")
    encoder: str = flag(None, ENCODER, group="model", path="encoder")
    output_stride: int = flag(None, OUTPUT_STRIDE, int, choices=(8, 16, 32), group="model")
    encoder_depth: int = flag(None, ENCODER_DEPTH, int, choices=(3, 4, 5), group="model")
    decoder_channels: tuple = flag(None, DECODER_CHANNELS, widths, group="model")
    decoder_attention: str = flag(None, DECODER_ATTENTION, choices=("scse",), group="model")
    decoder_interpolation: str = flag(
        None, DECODER_INTERPOLATION, choices=("nearest", "bilinear"), group="model"
    )
    merge_policy: str = flag(None, MERGE_POLICY, choices=("add", "cat"), group="model")
    normalization: str = flag("auto", NORMALIZATION, choices=NORMALIZATIONS, group="model")
    task: str = flag("multiclass", TASK, choices=TASKS, group="model")
    checkpoint: Path = flag(None, CHECKPOINT, path, path="weights")
    threshold: tuple = flag(
        None,
        "probability above which a pixel has a class, for binary and multilabel networks: one "
        "number, or one per class, e.g. 0.4,0.6 (default: tuned on val by `train`, else 0.5)",
        shares,
    )

    @property
    def source(self) -> str | None:
        """The flag that names the network: "run", "model", or None if neither is given."""
        return next((name for name in ("run", "model") if getattr(self, name)), None)

    def check(self) -> None:
        if self.model and self.run:
            raise UserError(
                f"cannot combine --model={self.model} with --run={self.run}; give one of them"
            )
        for name in self.group("model") if self.run else ():
            if name in self.given:
                raise UserError(
                    f"--{name}={getattr(self, name)} needs --model; a run has its own value, "
                    f"so leave it out"
                )


@dataclass(frozen=True)
class LookConfig(NetworkConfig):
    """Test-time options of a network: scales, flips, tiles, the CRF."""

    gpu: tuple = flag((0,), GPU, gpus)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1)
    scales: tuple = flag(
        (1.0,),
        "test-time augmentation: scales to average over, e.g. 0.5,1,1.5",
        numbers,
        group="looks",
    )
    flip: bool = flag(
        False, "test-time augmentation: average over the mirror image too", switch, group="looks"
    )
    tile: int = flag(
        None,
        "cut images into overlapping tiles of this many pixels a side",
        int,
        low=1,
        group="looks",
    )
    overlap: float = flag(
        0.25,
        "fraction of a tile that overlaps its neighbours",
        float,
        low=0,
        high=0.9,
        group="looks",
    )
    size: tuple = flag(
        None, "run the network at HxW pixels; masks keep the image's size", size, group="looks"
    )
    mc_samples: int = flag(
        None,
        "Monte Carlo dropout samples (default: 8 for bayesian_segnet, else none)",
        int,
        low=0,
        group="looks",
    )
    crf: bool = flag(False, "refine masks with a fully connected CRF", switch)
    crf_iterations: int = flag(None, "mean-field iterations of the CRF", int, low=1, group="crf")
    crf_gaussian_sxy: float = flag(
        None, "range of the CRF's smoothing term, pixels", float, low=1e-3, group="crf"
    )
    crf_gaussian_compat: float = flag(
        None, "weight of the CRF's smoothing term", float, low=0, group="crf"
    )
    crf_bilateral_sxy: float = flag(
        None, "range of the CRF's colour term, pixels", float, low=1e-3, group="crf"
    )
    crf_bilateral_srgb: float = flag(
        None,
        "range of the CRF's colour term in colour, levels of 0 to 255",
        float,
        low=1e-3,
        group="crf",
    )
    crf_bilateral_compat: float = flag(
        None, "weight of the CRF's colour term", float, low=0, group="crf"
    )
