"""Chooses crop and batch sizes that fit the frames, the network and the memory."""

import math
import sys
from dataclasses import dataclass

from tfseg import devices
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.labels import labels_of
from tfseg.memory import CERTAIN, GB, MULTIPLE, SHARE, SIDE, fitting_crop, step_cost
from tfseg.models import MODELS
from tfseg.networks import build_network, precision


@dataclass(frozen=True)
class Fit:
    """Crop (H, W) and batch that fit into memory, and the wanted crop; memory in bytes."""

    wanted: tuple[int, int]
    crop: tuple[int, int]
    batch: int
    wanted_bytes: float
    bytes: float
    free: float


def find_fit(config: TrainConfig, frame: tuple[int, int], num_classes: int) -> Fit | None:
    """The largest crop up to `frame` that fits; None if it surely fits or the model is unknown.

    Sizes given in the config stay unchanged, whether they fit or not.
    """
    wanted = config.crop_size or frame
    if config.model not in MODELS or math.prod(wanted) * config.batch_size <= CERTAIN:
        return None
    cost = _cost(config, num_classes)
    free = devices.free_memory(config.gpu, config.mem_frac)
    crop, batch = fitting_crop(
        wanted,
        config.batch_size,
        cost,
        SHARE * free,
        keep_crop=config.crop_size is not None,
        keep_batch="batch_size" in config.given,
    )
    sizes = cost.bytes(wanted, config.batch_size), cost.bytes(crop, batch)
    return Fit(wanted, crop, batch, *sizes, free)


def fitting_sizes(config, records):
    """(crop, batch) of a `TrainConfig`. Sizes that it does not give shrink until a step fits.

    Prints a line if they shrink. Given sizes stay, with a warning if they seem too large.
    """
    frame = tuple(map(min, zip(*records.splits["train"].sizes, strict=True)))
    fit = find_fit(config, frame, len(labels_of(records.info, config.task).classes))
    if fit is None:
        return config.crop_size or frame, config.batch_size
    if (fit.crop, fit.batch) != (fit.wanted, config.batch_size):
        print(
            f"memory: {config.batch_size} crops of {_by(fit.wanted)} take about "
            f"{fit.wanted_bytes / GB:.1f} GB a step and {fit.free / GB:.1f} GB are free; training "
            f"uses {fit.batch} of {_by(fit.crop)} (--batch_size, --crop_size; --scale shows more "
            f"of a frame in a crop)"
        )
    if fit.bytes > fit.free:
        print(
            f"warning: {fit.batch} crops of {_by(fit.crop)} take about {fit.bytes / GB:.1f} GB a "
            f"step, but {fit.free / GB:.1f} GB are free; lower --batch_size or --crop_size",
            file=sys.stderr,
        )
    return fit.crop, fit.batch


def _cost(config, num_classes):
    """Estimates the memory of a step from the network at one small size."""
    side = math.ceil(max(SIDE, MODELS[config.model].smallest) / MULTIPLE) * MULTIPLE
    with precision(devices.resolve_precision(config.precision)):
        return step_cost(build_network(config, num_classes, input_shape=(side, side, 3)))


def check_sizes(config, records):
    """Raises `UserError` if crops or validation frames are too small for the network."""
    smallest = MODELS[config.model].smallest if config.model in MODELS else 0
    for height, width in (config.crop_size, *records.splits["val"].sizes):
        if min(height, width) < smallest:
            raise UserError(
                f"--model={config.model} needs {smallest} pixels a side; crops or validation "
                f"frames of {records.path} have {height}x{width}"
            )


def step_frames(config):
    """Frames in a step."""
    return config.batch_size * config.accumulate


def steps_of_epoch(config, records):
    """Steps in an epoch. Raises `UserError` if there are too few frames for one step."""
    frames = len(records.splits["train"])
    if steps := frames // step_frames(config):
        return steps
    times = f" times --accumulate={config.accumulate}" if config.accumulate > 1 else ""
    raise UserError(
        f"--batch_size={config.batch_size}{times} is more than the {frames} training frames of "
        f"{records.path}"
    )


def check_replicas(config, replicas):
    """Raises `UserError` if the devices cannot share the batch equally."""
    if config.batch_size % replicas:
        raise UserError(
            f"--batch_size={config.batch_size} cannot be shared by {replicas} devices; give "
            f"{math.ceil(config.batch_size / replicas) * replicas}"
        )


def validation_batch(config, records):
    """Frames in a validation step: at least one, and no more pixels than a training step."""
    largest = max(height * width for height, width in records.splits["val"].sizes)
    pixels = config.batch_size * math.prod(config.crop_size)
    return max(1, min(config.batch_size, pixels // largest))


def _by(size):
    return f"{size[0]}x{size[1]}"
