"""What each command can be told: frozen dataclasses, checked on creation, saved with every run."""

import dataclasses
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tfseg.errors import UserError


def size(text):
    """Text like "360x480" -> (360, 480): height times width in pixels."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(map(int, match.groups())):
        raise ValueError("a size like 360x480 (height x width, pixels)")
    return tuple(map(int, match.groups()))


def gpus(text):
    """Text like "0,1" -> (0, 1); "-1" -> (): the CPU."""
    if text == "-1":
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError("GPU numbers like 0 or 0,1, or -1 for the CPU")
    numbers = tuple(int(number) for number in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise ValueError("each GPU number once")
    return numbers


def span(text):
    """Text like "0.6,1.8" -> (0.6, 1.8)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ValueError("two numbers like 0.6,1.8") from None
    if not 0 < low <= high:
        raise ValueError("two numbers above zero, the smaller first, like 0.6,1.8")
    return low, high


def count_or_all(text):
    """Text like "3" -> 3; "all" stays."""
    if text != "all" and not (text.isdecimal() and int(text) >= 1):
        raise ValueError("a number from 1 up, or all")
    return text if text == "all" else int(text)


def switch(text):
    """Text "True" or "False" -> bool."""
    if text.lower() not in ("true", "false"):
        raise ValueError("True or False")
    return text.lower() == "true"


_WANTED = {int: "a whole number", float: "a number", Path: "a path", str: "a word"}


def flag(default, help, parse=str, *, choices=None, low=None, high=None):
    """A dataclass field that a flag fills: `parse` reads its text, the bounds are inclusive."""
    extra = {"help": help, "parse": parse, "choices": choices, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=extra)


@dataclass(frozen=True)
class Config:
    """Shared by the commands: reading flags, checking values, JSON."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @classmethod
    def parse(cls, flags):
        """Flags as text, name -> value, to a config. Raises `UserError` for a value that is off."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        return cls(**{name: _parse(fields[name], text) for name, text in flags.items()})

    @classmethod
    def load(cls, path):
        """The config saved at `path`. Raises `UserError` where it is not one."""
        try:
            values = json.loads(Path(path).read_text())
            fields = {field.name: field for field in dataclasses.fields(cls)}
            return cls(**{name: _from_json(fields[name], v) for name, v in values.items()})
        except FileNotFoundError:
            raise UserError(
                f"{Path(path).parent} is not a run: it has no {Path(path).name}"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is not a run's config: {error!r}") from None

    def save(self, path):
        """Writes JSON, whole or not at all."""
        partial = Path(path).with_name(f".{Path(path).name}")
        partial.write_text(json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n")
        os.replace(partial, path)


def _parse(field, text):
    parse = field.metadata["parse"]
    try:
        return parse(str(text))
    except ValueError as error:
        wanted = _WANTED.get(parse, str(error))
        raise UserError(f"--{field.name}={text}: wanted {wanted}") from None


def _from_json(field, value):
    if isinstance(value, list):
        return tuple(value)
    return Path(value) if field.metadata["parse"] is Path and value is not None else value


def _check(field, value):
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"--{field.name}={value}: must be a finite number")
    if choices and value not in choices:
        raise UserError(f"--{field.name}={value}: choose one of {', '.join(choices)}")
    if low is not None and value < low:
        raise UserError(f"--{field.name}={value}: must be {low} or more")
    if high is not None and value > high:
        raise UserError(f"--{field.name}={value}: must be {high} or less")


PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")

_INPUT = "records: a data set, a folder of data sets, or an LMDB environment"
_DATASET = "which data set, where --input holds several"
_GPU = "GPU numbers, as 0 or 0,1; -1 is the CPU"
_MEM_FRAC = "share of each GPU's memory to take, 0 to 1; grows as needed where not given"
_RUN = "folder of a training run, as runs/streets-linknet-20260101-120000"


@dataclass(frozen=True)
class TrainConfig(Config):
    """Train a network on records and keep its best checkpoint."""

    input: Path = flag(Path("records"), _INPUT, Path)
    dataset: str = flag(None, _DATASET)
    input_val: Path = flag(None, "validation LMDB environment, where --input is a bare one", Path)
    val_fraction: float = flag(
        0.1, "share held out of an --input without a val split", float, low=0.001, high=0.9
    )
    model: str = flag("linknet", "network; an unknown name lists them")
    encoder: str = flag(None, "the network's encoder; its usual one where not given")
    normalization: str = flag(
        "imagenet", "what pixels become", choices=("imagenet", "unit", "caffe")
    )
    checkpoint: Path = flag(
        None, "weights to start from: a run, a .weights.h5 or a .keras file", Path
    )
    resume: Path = flag(None, "run folder to continue where it stopped", Path)
    savedir: Path = flag(None, "folder of this run; runs/<dataset>-<model>-<time> by default", Path)
    logdir: Path = flag(None, "folder of the TensorBoard events; in the run by default", Path)
    epochs: int = flag(40, "passes over the training frames", int, low=1)
    batch_size: int = flag(4, "frames a step, all GPUs together", int, low=1)
    crop_size: tuple = flag(
        None, "training crop, HxW in pixels; the smallest frame's size by default", size
    )
    scale: tuple = flag(
        (0.8, 1.4), "random scaling before the crop, from and to; 1,1 is none", span
    )
    flip: bool = flag(True, "mirror half of the crops", switch)
    brightness: float = flag(0.2, "random light change, share of white", float, low=0, high=1)
    contrast: float = flag(0.2, "random contrast change, share", float, low=0, high=1)
    optimizer: str = flag("adamw", "update rule", choices=("rmsprop", "adam", "adamw", "sgd"))
    learning_rate_init: float = flag(1e-3, "learning rate at the start", float, low=0)
    schedule: str = flag("poly", "how it falls", choices=("constant", "step", "poly", "cosine"))
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
        "cross_entropy+dice", "cross_entropy, dice, focal, lovasz, or a sum as a+0.5*b"
    )
    class_weights: str = flag(
        "enet", "weights of rare classes", choices=("none", "enet", "linknet", "median")
    )
    precision: str = flag(
        "auto", "arithmetic; auto takes bfloat16 where the machine has it", choices=PRECISIONS
    )
    cache: str = flag("none", "keep decoded frames", choices=("none", "memory", "disk"))
    workers: int = flag(None, "threads that decode; all cores by default", int, low=1)
    keep: object = flag(1, "checkpoints kept beside the best: a number, or all", count_or_all)
    pictures: int = flag(4, "validation frames shown in TensorBoard", int, low=0)
    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)
    seed: int = flag(1, "of weights, order and crops", int, low=0, high=2**32 - 1)


@dataclass(frozen=True)
class TestConfig(Config):
    """Score a run's best checkpoint on a split: table, confusion matrix, pictures."""

    run: Path = flag(None, _RUN, Path)
    input: Path = flag(None, _INPUT + "; the run's own by default", Path)
    dataset: str = flag(None, _DATASET)
    split: str = flag("val", "split to score")
    batch_size: int = flag(4, "frames a step", int, low=1)
    checkpoint: Path = flag(None, "other weights of the same network than the run's best", Path)
    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)


@dataclass(frozen=True)
class PredictConfig(Config):
    """Label pictures: a palette mask and an overlay for each, at its own size."""

    run: Path = flag(None, _RUN, Path)
    input: Path = flag(None, "a picture, or a folder of pictures", Path)
    output: Path = flag(Path("predictions"), "folder for the masks and overlays", Path)
    checkpoint: Path = flag(None, "other weights of the same network than the run's best", Path)
    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)


@dataclass(frozen=True)
class ExportConfig(Config):
    """Write a SavedModel: uint8 RGB images of any size in, uint8 masks out."""

    run: Path = flag(None, _RUN, Path)
    output: Path = flag(None, "folder to write, as exports/linknet/1", Path)
    checkpoint: Path = flag(None, "other weights of the same network than the run's best", Path)


@dataclass(frozen=True)
class ConvertConfig(Config):
    """Turn a raw data set into records."""

    dataset: str = flag(None, "which data set; an unknown name lists them")
    source: Path = flag(None, "its raw folder", Path)
    output: Path = flag(Path("records"), "folder of data sets to write into", Path)
    format: str = flag("tfrecord", "how it lies on disk", choices=("tfrecord", "lmdb"))
    size: tuple = flag(None, "resize once, HxW in pixels; as they are by default", size)
    encoding: str = flag(
        "keep",
        "of images: keep their own bytes, png, jpeg, or raw pixels (large, but nothing to decode)",
        choices=("keep", "png", "jpeg", "raw"),
    )
    overwrite: bool = flag(False, "replace records that are there", switch)


@dataclass(frozen=True)
class InspectConfig(Config):
    """Say what records hold: counts, sizes, class shares and weights, and a picture of samples."""

    input: Path = flag(Path("records"), _INPUT, Path)
    dataset: str = flag(None, _DATASET)
    output: Path = flag(None, "PNG for a sheet of labelled samples", Path)
