"""What `train` can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfseg.config.recipes import read_recipe
from tfseg.config.words import (
    AUGMENT,
    DATASET,
    DECODER_ATTENTION,
    DECODER_CHANNELS,
    DECODER_INTERPOLATION,
    ENCODER,
    ENCODER_DEPTH,
    GPU,
    INPUT,
    MEM_FRAC,
    MERGE_POLICY,
    MODEL,
    NORMALIZATION,
    NORMALIZATIONS,
    OUTPUT_STRIDE,
    PIXEL_RANGE,
    PRECISIONS,
    SKIP_DAMAGED,
)
from tfseg.errors import UserError
from tfseg.flags import (
    Config,
    count_or_all,
    flag,
    gpus,
    numbers,
    path,
    size,
    span,
    switch,
    value_range,
    widths,
)


@dataclass(frozen=True)
class TrainConfig(Config):
    """Train a network on records and keep its best checkpoint."""

    recipe: Path = flag(
        None,
        "TOML file with flags, as those in recipes/; flags given beside it override them",
        path,
        silent=True,
    )
    input: Path = flag(Path("records"), INPUT, path, resumable=True)
    dataset: str = flag(None, DATASET, resumable=True)
    input_val: Path = flag(
        None, "validation LMDB environment, where --input is a bare one", path, resumable=True
    )
    input_weights: tuple = flag(
        None, "shares of an epoch that several inputs take, as 2,1; their sizes by default", numbers
    )
    val_fraction: float = flag(
        0.1, "share held out of an --input without a val split", float, low=0.001, high=0.9
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; records have their own", value_range)
    skip_damaged: bool = flag(False, SKIP_DAMAGED, switch)
    model: str = flag("linknet", MODEL)
    encoder: str = flag(None, ENCODER)
    encoder_weights: str = flag(
        "auto",
        "imagenet (fetched once), auto (these where they lie here or come within seconds), none, "
        "or a file with the encoder's weights",
        null="none",
    )
    output_stride: int = flag(None, OUTPUT_STRIDE, int, choices=(8, 16, 32))
    encoder_depth: int = flag(None, ENCODER_DEPTH, int, choices=(3, 4, 5))
    decoder_channels: tuple = flag(None, DECODER_CHANNELS, widths)
    decoder_attention: str = flag(None, DECODER_ATTENTION, choices=("scse",))
    decoder_interpolation: str = flag(None, DECODER_INTERPOLATION, choices=("nearest", "bilinear"))
    merge_policy: str = flag(None, MERGE_POLICY, choices=("add", "cat"))
    normalization: str = flag("auto", NORMALIZATION, choices=NORMALIZATIONS)
    checkpoint: Path = flag(
        None,
        "weights to start from: a run, a file of Keras (.weights.h5, .keras) or PyTorch "
        "(.safetensors, .pth, ...), or a name that `models --pretrained` lists",
        Path,
    )
    skip_head: bool = flag(False, "start from a --checkpoint for other classes", switch)
    freeze_encoder: bool = flag(False, "leave the encoder as it is", switch)
    freeze_epochs: int = flag(
        0,
        "epochs at the start that leave the encoder as it is, so that the head learns first",
        int,
        low=0,
    )
    freeze_batch_norm: bool = flag(
        False, "keep batch normalisation's scales and statistics as they are", switch
    )
    encoder_lr_factor: float = flag(
        1.0, "learning rate of the encoder, as a share of the others'", float, low=0
    )
    encoder_lr_decay: float = flag(
        1.0,
        "learning rate of each of the encoder's five stages, as a share of the next one's",
        float,
        low=0,
        high=1,
    )
    aux: bool = flag(False, "train with the network's auxiliary head", switch)
    aux_weight: float = flag(0.4, "weight of its loss", float, low=0)
    resume: Path = flag(
        None, "run folder to continue where it stopped", path, resumable=True, silent=True
    )
    savedir: Path = flag(
        None, "folder of this run; runs/<dataset>-<model>-<time> by default", path, silent=True
    )
    logdir: Path = flag(
        None,
        "folder of the TensorBoard events; in the run by default",
        path,
        resumable=True,
        silent=True,
    )
    patience: int = flag(
        None,
        "stop after so many epochs without a better validation mIoU",
        int,
        low=1,
        resumable=True,
    )
    epochs: int = flag(40, "passes over the training frames", int, low=1, resumable=True)
    batch_size: int = flag(4, "frames a step, all GPUs together", int, low=1)
    crop_size: tuple = flag(
        None, "training crop, HxW in pixels; the smallest frame's size by default", size
    )
    scale: tuple = flag(
        (0.8, 1.4), "random scaling before the crop, from and to; 1,1 is none", span
    )
    sampling: str = flag(
        "uniform",
        "frames of an epoch: uniform takes each once; rare draws more frames and crops with rare "
        "classes",
        choices=("uniform", "rare"),
    )
    augment: str = flag("light", AUGMENT, table="tfseg.data.augment:PRESETS")
    mix: str = flag(
        "none",
        "how half of the frames borrow from another: cutmix a rectangle, copy_paste a class (rare "
        "ones first), mixup a blend of both",
        choices=("none", "cutmix", "copy_paste", "mixup"),
        table="tfseg.data.mixing:MIXES",
    )
    optimizer: str = flag(
        "adamw",
        "update rule",
        choices=("rmsprop", "adam", "adamw", "sgd"),
        table="tfseg.training.optimizers:OPTIMIZERS",
    )
    learning_rate_init: float = flag(1e-3, "learning rate at the start", float, low=0)
    schedule: str = flag(
        "poly",
        "how it falls",
        choices=("constant", "step", "poly", "cosine"),
        table="tfseg.schedules:SCHEDULES",
    )
    warmup_epochs: float = flag(0.0, "epochs of linear rise at the start", float, low=0)
    step_epochs: int = flag(100, "epochs between the drops of --schedule=step", int, low=1)
    step_decay: float = flag(0.1, "factor of each drop", float, low=0, high=1)
    momentum: float = flag(0.9, "of sgd", float, low=0, high=1)
    weight_decay: float = flag(1e-3, "decoupled weight decay of adamw", float, low=0)
    l2_reg: float = flag(0.0, "L2 penalty on convolution kernels, added to the loss", float, low=0)
    clip_norm: float = flag(None, "largest norm of all gradients together", float, low=1e-6)
    ema: float = flag(
        None, "decay of averaged weights, as 0.999, used to validate", float, low=0, high=1
    )
    loss: str = flag(
        "cross_entropy+dice",
        "cross_entropy, ohem, dice, focal, lovasz, or a sum as a+0.5*b",
        table="tfseg.losses:LOSSES",
    )
    label_smoothing: float = flag(
        0.0,
        "share of each label that cross-entropy spreads over all classes",
        float,
        low=0,
        high=0.9,
    )
    class_weights: str = flag(
        "enet",
        "weights of rare classes",
        choices=("none", "enet", "linknet", "median"),
        table="tfseg.losses:CLASS_WEIGHTS",
    )
    precision: str = flag(
        "auto", "arithmetic; auto takes bfloat16 where the machine has it", choices=PRECISIONS
    )
    cache: str = flag(
        "none",
        "keep decoded frames",
        choices=("none", "memory", "disk"),
        resumable=True,
        silent=True,
    )
    workers: int = flag(
        None, "threads that decode; all cores by default", int, low=1, resumable=True, silent=True
    )
    save_every: float = flag(
        None,
        "minutes between checkpoints, beside those of the epochs",
        float,
        low=0.01,
        resumable=True,
        silent=True,
    )
    keep: object = flag(
        1,
        "checkpoints kept beside the best: a number, or all",
        count_or_all,
        resumable=True,
        silent=True,
    )
    pictures: int = flag(
        4, "validation frames shown in TensorBoard", int, low=0, resumable=True, silent=True
    )
    gpu: tuple = flag((0,), GPU, gpus, resumable=True, silent=True)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1, resumable=True, silent=True)
    seed: int = flag(1, "of weights, order and crops", int, low=0, high=2**32 - 1)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """As `Config.of`, with the flags of `recipe` where they are not given."""
        if values.get("recipe") is None:
            return super().of(**values)
        if values.get("resume") is not None:
            raise UserError("--recipe beside --resume, which goes on as it began; leave one out")
        file = path(str(values["recipe"]))
        try:
            return super().of(
                **read_recipe(file) | {n: v for n, v in values.items() if v is not None}
            )
        except UserError as error:
            raise UserError(f"{error.typed} (of {file}, or given beside it)") from None
