"""How much memory a training step takes, how much there is, and which crops fit."""

import math
from dataclasses import dataclass
from pathlib import Path

import keras

GB = 1e9
SHARE = 0.6  # of the free memory that a step may take: batches and validation want some too
KEPT = 1.1  # a step's peak over the outputs of all layers; LinkNet 0.8 to 0.9 on a CPU, U-Net 1.2
LOSS = 5  # arrays as large as the float32 logits that the loss adds
WEIGHTS = 16  # bytes a weight: itself, its gradient, two moments
SIDE = 256  # pixels a side of the network that is measured, and of the smallest default crop
MULTIPLE = 32  # that the sides of a crop which is cut down are of
CERTAIN = 2**20  # pixels a step that fit in every machine: what follows need not be worked out


@dataclass(frozen=True)
class StepCost:
    """The memory of a training step: bytes per pixel of the batch, and bytes for any size."""

    per_pixel: float
    fixed: float

    def bytes(self, crop: tuple[int, int], batch: int) -> float:
        return self.fixed + self.per_pixel * batch * math.prod(crop)


def step_cost(network: keras.Model) -> StepCost:
    """The cost of a network with one static input size, from the outputs of its layers."""
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
        pass  # not a Linux
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        if most != "max":
            free.append(int(most) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no such limit
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

    The crop shrinks first, in proportion, down to `SIDE` pixels; then the batch does; what is to
    be kept does not. The result may still not fit.
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
