"""Chooses the runtime of a version: the requested one, or the fastest in its folder."""

import importlib.util
import time
from dataclasses import replace
from functools import partial

import numpy as np

from tfseg.errors import require
from tfseg.exporting.formats import FORMATS

RUNTIMES = FORMATS | {
    # Rounding to 8 bits of mantissa changes a few pixels, so "auto" never chooses it.
    "openvino_bfloat16": replace(
        FORMATS["openvino"], read=partial(FORMATS["openvino"].read, precision="bf16")
    ),
}
TRIALS = 3  # timed runs of every runtime, after a warm-up


def check_runtime(name):
    """Raises `UserError` for a runtime (a row of `RUNTIMES`, or "auto") that is not installed."""
    if name != "auto":
        require(f"--runtime={name}", RUNTIMES[name].runtime, "export")


def choose_runtime(folder, wanted, saved_model, image):
    """(name, function) of the runtime to use for a version's folder.

    Args:
        wanted: a row of `RUNTIMES`; "auto" times all `FORMATS` in the folder and takes the
            fastest.
        saved_model: the function of the SavedModel: images uint8 (N, H, W, 3) -> {output: array}.
        image: uint8 (1, H, W, 3), for the trial.

    Raises:
        ValueError: if `wanted` is not in the folder, or returns other outputs.
    """
    asked = FORMATS if wanted == "auto" else (wanted,)
    names = [name for name in asked if _is_there(folder, name)]
    if not names:
        row = RUNTIMES[wanted]
        raise ValueError(f"no {row.file} in it; export {row.title} next to the SavedModel")
    functions, like = {}, _described(saved_model(image))
    for name in names:
        row = RUNTIMES[name]
        functions[name] = saved_model if not row.file else row.read(folder / row.file)
        if _described(functions[name](image)) != like:
            raise ValueError(f"{row.file or 'saved_model.pb'} gives different outputs")
    if len(names) == 1:
        return names[0], functions[names[0]]
    seconds = {name: _time(functions[name], image) for name in names}
    fastest = min(seconds, key=seconds.get)
    times = ", ".join(f"{name} {1000 * took:.1f} ms" for name, took in seconds.items())
    print(f"runtime {fastest}, the fastest at {image.shape[1]}x{image.shape[2]}: {times}")
    return fastest, functions[fastest]


def _is_there(folder, name):
    row = RUNTIMES[name]
    return (folder / (row.file or "saved_model.pb")).exists() and _is_installed(row)


def _is_installed(row):
    return importlib.util.find_spec(row.runtime) is not None


def _described(outputs):
    return {name: (array.shape, np.dtype(array.dtype)) for name, array in outputs.items()}


def _time(function, image):
    """Seconds of the fastest run: other work on the machine only slows runs down."""
    seconds = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        function(image)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
