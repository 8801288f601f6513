"""Speed of colour labels to class indices, and of conversions with one and several processes.

    python -m benchmarks.convert [--source=DIR] [--rounds=5]

`--source` is CamVid in the SegNet edition; the default is generated streets. The labels are painted
in CamVid's 32 colours and enlarged to 720×960. All rows return the same class indices, run on one
core and take turns; the table shows medians.
"""

import functools
import math
import os
import tempfile

import cv2
import numpy as np

from benchmarks.frames import arguments, find_frames, spread
from benchmarks.results import show
from benchmarks.timing import Turns, timed
from tfseg.datasets.coding import Colors
from tfseg.labels import palette
from tfseg.records.convert import convert
from tfseg.records.frames import read_label

COLORS = palette(32)
SIZE = (720, 960)
FRAMES = 8


def main():
    options = arguments(__doc__).parse_args()
    spec, source = find_frames(options.source)
    cv2.setNumThreads(1)
    report_lookup(measure(lookups(), labels(spec, source), options.rounds))
    report_conversion(spec, source)


def labels(spec, source):
    """Real label maps in colours: (rgb, index) pairs."""
    for frame in spread(spec.list_frames(source)["train"], FRAMES):
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
    turns = Turns()
    for rgb, index in list(pairs) * rounds:
        for found in turns.take(functions, rgb).values():
            np.testing.assert_array_equal(found, index)
    return turns.medians(lambda seconds: math.prod(SIZE) / seconds / 1e6)


def report_lookup(speeds):
    case = f"{len(COLORS)} colours to indices, {SIZE[0]}×{SIZE[1]}, one core"
    show(case, "Mpixel/s", speeds, min(speeds, key=speeds.get), digits=0)


def report_conversion(spec, source):
    """Times conversions that resize and encode, so that they process every pixel."""
    frames, speeds = sum(map(len, spec.list_frames(source).values())), {}
    for workers in sorted({1, 2, os.cpu_count()}):
        with tempfile.TemporaryDirectory() as folder:
            run = functools.partial(convert, size=(240, 320), workers=workers)
            speeds[f"{workers} processes"] = frames / timed(run, spec, source, folder)[0]
    show(f"{spec.name}, all frames to 240×320, TFRecord", "frames/s", speeds, "1 processes")


if __name__ == "__main__":
    main()
