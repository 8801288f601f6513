"""Colour labels to class indices, and whole conversions in one process and in several.

    python -m benchmarks.convert [--source=DIR] [--rounds=5]

`--source` is CamVid in the SegNet edition; without one, drawn streets. The labels are painted in
CamVid's 32 colours and enlarged to 720×960. Every row gives the same class indices; all run on one
core, take turns, and show their median.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from tfseg.datasets import get_dataset
from tfseg.datasets.coding import Colors
from tfseg.labels import palette
from tfseg.records.convert import convert
from tfseg.records.frames import read_label

COLORS = palette(32)
SIZE = (720, 960)
FRAMES = 8


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--source", type=Path, default=Path("../shared/camvid"))
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    here = options.source.is_dir()
    spec = get_dataset("camvid" if here else "streets")
    source = options.source if here else None
    cv2.setNumThreads(1)
    report_lookup(measure(lookups(), labels(spec, source), options.rounds))
    report_conversion(spec, source)


def labels(spec, source):
    """Real label maps in colours: (rgb, index) pairs."""
    frames = spec.list_frames(source)["train"]
    for frame in frames[:: max(1, len(frames) // FRAMES)][:FRAMES]:
        index = read_label(frame).index
        index = cv2.resize(index, SIZE[::-1], interpolation=cv2.INTER_NEAREST) % len(COLORS)
        yield np.array(COLORS, np.uint8)[index], index


def lookups():
    coding = Colors(tuple((color, index) for index, color in enumerate(COLORS)))

    def numpy_loop(rgb):
        index = np.full(rgb.shape[:2], 255, np.uint8)
        for value, color in enumerate(COLORS):
            index[(rgb == color).all(axis=-1)] = value
        return index

    def opencv_loop(rgb):
        index = np.full(rgb.shape[:2], 255, np.uint8)
        for value, color in enumerate(COLORS):
            index[cv2.inRange(rgb, color, color) > 0] = value
        return index

    return {
        "tfseg, one table": lambda rgb: coding.apply(rgb)[0],
        "OpenCV, inRange by class": opencv_loop,
        "NumPy, comparison by class": numpy_loop,
    }


def measure(functions, pairs, rounds):
    """Mpixel/s of every function: {title: median}."""
    speeds = {title: [] for title in functions}
    for rgb, index in list(pairs) * rounds:
        for title, function in functions.items():
            start = time.perf_counter()
            found = function(rgb)
            speeds[title].append(index.size / (time.perf_counter() - start) / 1e6)
            np.testing.assert_array_equal(found, index)
    return {title: statistics.median(values) for title, values in speeds.items()}


def report_lookup(speeds):
    base = min(speeds.values())
    print(f"{len(COLORS)} colours to indices, {SIZE[0]}×{SIZE[1]}, one core\n")
    print(f"{'':<30}{'Mpixel/s':>9}{'ratio':>8}")
    for title, speed in speeds.items():
        print(f"{title:<30}{speed:>9.0f}{speed / base:>7.0f}×")


def report_conversion(spec, source):
    """Resizes and encodes the data set, so that every pixel is touched."""
    print(f"\n{spec.name}, all frames to 240×320, TFRecord\n")
    print(f"{'processes':<30}{'frames/s':>9}{'ratio':>8}")
    base = None
    for workers in sorted({1, 2, os.cpu_count()}):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            convert(spec, source, folder, size=(240, 320), workers=workers)
            seconds = time.perf_counter() - start
        speed = sum(map(len, spec.list_frames(source).values())) / seconds
        base = base or speed
        print(f"{workers:<30}{speed:>9.0f}{speed / base:>7.2f}×")


if __name__ == "__main__":
    main()
