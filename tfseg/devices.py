"""Chooses a command's devices, their share of memory, and the precision."""

import math
import platform
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from tfseg import memory
from tfseg.errors import UserError
from tfseg.quiet import quiet


def select(gpus, mem_frac=None):
    """Calls `restrict`; returns a `tf.distribute.MirroredStrategy` for several GPUs, else None.

    Raises `UserError` as `restrict`.
    """
    return tf.distribute.MirroredStrategy() if len(restrict(gpus, mem_frac)) > 1 else None


def restrict(gpus, mem_frac=None):
    """Restricts TensorFlow to the GPUs numbered `gpus` (none: the CPU) and returns them.

    `mem_frac` is the fraction of each GPU's memory to take; without it, memory grows as needed.

    Raises:
        UserError: if a GPU number does not exist. The default, `--gpu=0`, only warns on a machine
            without GPUs and runs on the CPU.
    """
    with quiet():  # hides CUDA's messages at start
        found = tf.config.list_physical_devices("GPU")
    if not found and gpus == (0,):
        print(
            "warning: no GPU found, running on the CPU (--gpu=-1 hides this warning)",
            file=sys.stderr,
        )
        gpus = ()
    for number in gpus:
        if number >= len(found):
            there = ", ".join(str(n) for n in range(len(found))) or "none"
            raise UserError(
                f"--gpu={number} does not exist; GPUs here: {there}; --gpu=-1 is the CPU"
            )
    chosen = [found[number] for number in gpus]
    tf.config.set_visible_devices(chosen, "GPU")
    for number, device in zip(gpus, chosen, strict=True):
        if mem_frac is None:
            tf.config.experimental.set_memory_growth(device, True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(int(mem_frac * _memory_mib(number)))
            tf.config.set_logical_device_configuration(device, [limit])
    return chosen


def free_memory(gpus, mem_frac=None):
    """Bytes that a step can use on the devices of `select`: all GPUs together, or main memory.

    Infinite if the system does not tell.
    """
    if not tf.config.get_visible_devices("GPU"):
        return memory.free_memory()
    try:
        return sum(map(_memory_mib, gpus)) * 2**20 * (mem_frac or 1)
    except UserError:
        return math.inf  # no nvidia-smi


def _memory_mib(number):
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        reply = subprocess.run(
            [*query, f"--id={number}"], capture_output=True, text=True, check=True
        )
        return float(reply.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"--mem_frac needs nvidia-smi to know the memory of GPU {number} ({error}); "
            f"leave it out"
        ) from None


def resolve_precision(name):
    """Resolves "auto" to the fastest precision that the hardware supports; keeps other names."""
    if name != "auto":
        return name
    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return "mixed_bfloat16" if _cpu_has_bfloat16() else "float32"
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    major = min(detail.get("compute_capability", (0, 0))[0] for detail in details)
    return "mixed_bfloat16" if major >= 8 else "mixed_float16" if major == 7 else "float32"


def _cpu_has_bfloat16():
    """Whether the CPU multiplies bfloat16 matrices; emulation is slower than float32."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if platform.system() == "Linux" and info.exists() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags
