"""The flags of `train`."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfseg.config.cluster import check_cluster, num_workers_flag, ray_flag
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
    TASK,
    TASKS,
)
from tfseg.errors import UserError, install_hint
from tfseg.flags import Config, flag
from tfseg.parsing import (
    count_or_all,
    gpus,
    names,
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
        "TOML file with flags, like those in recipes/; flags on the command line override it",
        path,
        silent=True,
    )
    input: Path = flag(Path("records"), INPUT, path, resumable=True, fetch=False, path="records")
    dataset: str = flag(None, DATASET, resumable=True)
    input_val: Path = flag(
        None,
        "validation LMDB environment, if --input is a single one",
        path,
        resumable=True,
        fetch=False,
        path="there",
    )
    input_weights: tuple = flag(
        None, "how often each of several inputs is drawn, e.g. 2,1 (default: by size)", numbers
    )
    val_fraction: float = flag(
        0.1,
        "fraction of --input to validate on, if it has no val split",
        float,
        low=0.001,
        high=0.9,
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; records keep theirs", value_range)
    skip_damaged: bool = flag(False, SKIP_DAMAGED, switch)
    model: str = flag("linknet", MODEL, path="network")
    encoder: str = flag(None, ENCODER, path="encoder")
    encoder_weights: str = flag(
        "auto",
        "encoder weights: imagenet (downloaded once), auto (imagenet if available within "
        "seconds), none, or a file",
        null="none",
    )
    output_stride: int = flag(None, OUTPUT_STRIDE, int, choices=(8, 16, 32))
    encoder_depth: int = flag(None, ENCODER_DEPTH, int, choices=(3, 4, 5))
    decoder_channels: tuple = flag(None, DECODER_CHANNELS, widths)
    decoder_attention: str = flag(None, DECODER_ATTENTION, choices=("scse",))
    decoder_interpolation: str = flag(None, DECODER_INTERPOLATION, choices=("nearest", "bilinear"))
    merge_policy: str = flag(None, MERGE_POLICY, choices=("add", "cat"))
    normalization: str = flag("auto", NORMALIZATION, choices=NORMALIZATIONS)
    task: str = flag("multiclass", TASK, choices=TASKS)
    checkpoint: Path = flag(
        None,
        "weights to start from: a run, a Keras (.weights.h5, .keras) or PyTorch (.safetensors, "
        ".pth, ...) file, or a name from `models --pretrained`",
        path,
        path="weights",
    )
    skip_head: bool = flag(False, "leave out the head of --checkpoint, for other classes", switch)
    freeze_encoder: bool = flag(False, "do not train the encoder", switch)
    freeze_epochs: int = flag(0, "epochs at the start in which the encoder is frozen", int, low=0)
    freeze_batch_norm: bool = flag(
        False, "freeze batch normalisation, both scales and statistics", switch
    )
    sync_batch_norm: bool = flag(
        False, "on several GPUs, normalise by the statistics of the whole batch", switch
    )
    encoder_lr_factor: float = flag(
        1.0, "learning rate of the encoder, relative to the rest", float, low=0
    )
    encoder_lr_decay: float = flag(
        1.0,
        "learning rate of each of the encoder's five stages, relative to the next stage",
        float,
        low=0,
        high=1,
    )
    aux: bool = flag(False, "train the network's auxiliary heads too", switch)
    aux_weight: float = flag(0.4, "weight of the auxiliary losses", float, low=0)
    resume: Path = flag(
        None, "run folder to continue, or last", path, resumable=True, silent=True, path="run"
    )
    savedir: Path = flag(
        None,
        "folder for this run (default: runs/<dataset>-<model>-<time>)",
        path,
        silent=True,
        path="new run",
    )
    logdir: Path = flag(
        None,
        "folder for TensorBoard events (default: in the run)",
        path,
        resumable=True,
        silent=True,
        fetch=False,
    )
    tracker: tuple = flag(
        ("tensorboard",),
        "where to show the run, e.g. tensorboard,wandb,mlflow; see docs/how-to/trackers.md",
        names,
        choices=("tensorboard", "wandb", "mlflow"),
        table="tfseg.training.trackers:TRACKERS",
        resumable=True,
        silent=True,
    )
    patience: int = flag(
        None,
        "stop after this many epochs without a better validation mIoU",
        int,
        low=1,
        resumable=True,
    )
    epochs: int = flag(40, "passes over the training frames", int, low=1, resumable=True)
    batch_size: int = flag(4, "frames per step, over all GPUs", int, low=1)
    accumulate: int = flag(
        1,
        "batches per step; equals one step on all of them together, with the memory of one batch "
        "but two forward passes",
        int,
        low=1,
    )
    crop_size: tuple = flag(
        None, "training crop, HxW in pixels (default: the smallest frame's size)", size
    )
    scale: tuple = flag(
        (0.8, 1.4),
        "random scaling before the crop, smallest and largest factor; 1,1 turns it off",
        span,
    )
    sampling: str = flag(
        "uniform",
        "how to draw frames: uniform takes each once per epoch; rare favours frames and crops with "
        "rare classes",
        choices=("uniform", "rare"),
    )
    augment: str = flag("light", AUGMENT, table="tfseg.data.augment:PRESETS")
    mix: str = flag(
        "none",
        "mix half of the frames with another one: cutmix pastes a rectangle, copy_paste a class "
        "(rare ones first), mixup blends",
        choices=("none", "cutmix", "copy_paste", "mixup"),
        table="tfseg.data.mixing:MIXES",
    )
    optimizer: str = flag(
        "adamw",
        "optimizer",
        choices=("rmsprop", "adam", "adamw", "sgd"),
        table="tfseg.training.optimizers:OPTIMIZERS",
    )
    learning_rate_init: float = flag(1e-3, "initial learning rate", float, low=0)
    schedule: str = flag(
        "poly",
        "learning rate schedule",
        choices=("constant", "step", "poly", "cosine"),
        table="tfseg.schedules:SCHEDULES",
    )
    warmup_epochs: float = flag(0.0, "epochs of linear warm-up", float, low=0)
    step_epochs: int = flag(100, "epochs between the drops of --schedule=step", int, low=1)
    step_decay: float = flag(0.1, "factor of each drop of --schedule=step", float, low=0, high=1)
    momentum: float = flag(0.9, "SGD momentum", float, low=0, high=1)
    weight_decay: float = flag(1e-3, "decoupled weight decay of adamw", float, low=0)
    l2_reg: float = flag(0.0, "L2 penalty on convolution kernels, added to the loss", float, low=0)
    clip_norm: float = flag(None, "largest global norm of the gradients", float, low=1e-6)
    ema: float = flag(
        None,
        "decay of an exponential moving average of the weights, e.g. 0.999; the average is "
        "validated and kept",
        float,
        low=0,
        high=1,
    )
    loss: str = flag(
        "cross_entropy+dice",
        "loss: cross_entropy, ohem, dice, focal, lovasz, or a sum, e.g. dice+0.5*focal",
        table="tfseg.losses:LOSSES",
    )
    label_smoothing: float = flag(
        0.0, "label smoothing of the cross-entropy", float, low=0, high=0.9
    )
    class_weights: str = flag(
        "enet",
        "class weights against rare classes",
        choices=("none", "enet", "linknet", "median"),
        table="tfseg.class_weights:CLASS_WEIGHTS",
    )
    prior_correction: bool = flag(
        True, "after training, correct masks for the class weights if that raises val mIoU", switch
    )
    precision: str = flag(
        "auto", "arithmetic; auto uses bfloat16 if the machine supports it", choices=PRECISIONS
    )
    cache: str = flag(
        "none",
        "keep decoded frames",
        choices=("none", "memory", "disk"),
        resumable=True,
        silent=True,
    )
    workers: int = flag(
        None, "decoding threads (default: all cores)", int, low=1, resumable=True, silent=True
    )
    save_every: float = flag(
        None,
        "minutes between checkpoints, in addition to one per epoch",
        float,
        low=0.01,
        resumable=True,
        silent=True,
    )
    keep: object = flag(
        1,
        "checkpoints to keep in addition to the best: a number, or all",
        count_or_all,
        resumable=True,
        silent=True,
    )
    pictures: int = flag(
        4, "validation frames to show in TensorBoard", int, low=0, resumable=True, silent=True
    )
    gpu: tuple = flag((0,), GPU, gpus, resumable=True, silent=True)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1, resumable=True, silent=True)
    ray: str = ray_flag()
    num_workers: int = num_workers_flag()
    seed: int = flag(
        1, "random seed for initial weights, data order and crops", int, low=0, high=2**32 - 1
    )

    def check(self) -> None:
        for name in self.tracker:
            found = name == "tensorboard" or importlib.util.find_spec(name)
            # Without an origin, it is a folder that W&B left in the working directory.
            if not found or (found is not True and found.origin is None):
                raise UserError(f"--tracker={name} needs {name}: {install_hint(name)}")
        check_cluster(self)
        if self.ray and not (self.savedir or self.resume):
            raise UserError("--ray needs --savedir=FOLDER, which all machines of the cluster share")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """As `Config.of`, with the flags of `recipe` unless they are given."""
        if values.get("recipe") is None:
            return super().of(**values)
        if values.get("resume") is not None:
            raise UserError("cannot combine --recipe with --resume; leave one out")
        from tfseg.storage import fetch  # not needed for --help

        file = fetch(path(str(values["recipe"])))
        try:
            return super().of(
                **read_recipe(file) | {n: v for n, v in values.items() if v is not None}
            )
        except UserError as error:
            raise UserError(f"{error.typed} (with --recipe={file})") from None
