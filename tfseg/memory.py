"""Estimates the memory of a training step, the free memory, and the crop that fits."""

import math
from dataclasses import dataclass
from pathlib import Path

import keras

GB = 1e9
SHARE = 0.6  # of the free memory for a step; batches and validation need the rest
KEPT = 1.1  # a step's peak over the outputs of all layers; LinkNet 0.8 to 0.9 on a CPU, U-Net 1.2
LOSS = 5  # arrays of the size of the float32 logits that the loss adds
WEIGHTS = 16  # bytes per weight: itself, its gradient, two moments
SIDE = 256  # side of the measured network and of the smallest default crop, pixels
MULTIPLE = 32  # the sides of a reduced crop are multiples of this
CERTAIN = 2**20  # pixels of a step that fit on every machine, so nothing needs to be computed


@dataclass(frozen=True)
class StepCost:
    """The memory of a training step: bytes per pixel of the batch, and bytes for any size."""

    per_pixel: float
    fixed: float

    def bytes(self, crop: tuple[int, int], batch: int) -> float:
        return self.fixed + self.per_pixel * batch * math.prod(crop)


def step_cost(network: keras.Model) -> StepCost:
    """The cost of a network with a fixed input size, from the outputs of its layers."""
    pixels = math.prod(network.input_shape[1:3])
    outputs = sum(_bytes(tensor) for layer in network.layers for tensor in _tensors(layer.output))
    logits = max(_bytes(tensor) for tensor in _tensors(network.output))
    weights = sum(math.prod(variable.shape) for variable in network.variables)
    return StepCost((KEPT * outputs + LOSS * logits) / pixels, WEIGHTS * weights)


def _tensors(value):
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _bytes(tensor):
    size = 2 if tensor.dtype in ("bfloat16", "float16") else 4
    return size * math.prod(side for side in tensor.shape[1:] if side)


def free_memory() -> float:
    """Free main memory in bytes: the system's, or the container's."""
    free = [math.inf]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        values = dict(line.split(":") for line in lines)
        free.append(1024 * int(values["MemAvailable"].split()[0]))
    except (OSError, KeyError):
        pass  # not Linux
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        if most != "max":
            free.append(int(most) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no limit
    return min(free)


def fitting_crop(
    crop: tuple[int, int],
    batch: int,
    cost: StepCost,
    room: float,
    keep_crop: bool = False,
    keep_batch: bool = False,
) -> tuple[tuple[int, int], int]:
    """The largest crop and batch, up to those given, whose step fits into `room` bytes.

    The crop shrinks first, proportionally, down to `SIDE` pixels, then the batch, unless they are
    to be kept. The result may still not fit.
    """
    if cost.bytes(crop, batch) > room and not keep_crop:
        pixels = max(0.0, room - cost.fixed) / (cost.per_pixel * batch)
        scale = math.sqrt(pixels / math.prod(crop))
        crop = tuple(
            max(min(side, SIDE), math.floor(side * scale / MULTIPLE) * MULTIPLE) for side in crop
        )
    while batch > 1 and cost.bytes(crop, batch) > room and not keep_batch:
        batch -= 1
    return crop, batch
