"""Parameters, GFLOPs and latency of each network; a Markdown table.

    python -m benchmarks.models [NAME ...]

Latency is the median of three runs after a warm-up, batch 1, float32, pixels in and class indices
out, as in `predict`.
"""

import sys

import keras
import numpy as np
from tqdm import tqdm

import tfseg
from benchmarks.timing import Turns
from tfseg.catalog import flops, parameters
from tfseg.models import MODELS
from tfseg.prediction.engine import Engine

CLASSES = 19
SIZES = ((360, 480), (360, 640), (720, 1280))  # the last two are from the LinkNet paper


def latency(name, size):
    """Seconds per image of `size`."""
    engine = Engine(tfseg.build(name, CLASSES), mc_samples=0)
    image = np.zeros((1, *size, 3), "uint8")
    engine.label(image)
    turns = Turns()
    for _ in range(3):
        turns.take({name: engine.label}, image)
    return turns.medians()[name]


def row(name):
    """A line of the table."""
    model = tfseg.build(name, CLASSES, input_shape=(*SIZES[0], 3))
    cost = sum(map(flops, model.layers)) / 1e9
    times = " | ".join(f"{1000 * latency(name, size):,.0f}" for size in SIZES)
    millions = parameters(model) / 1e6
    keras.backend.clear_session()
    return f"| `{name}` | {millions:,.2f} | {cost:,.1f} | {times} | {MODELS[name].paper} |"


def main(names):
    sizes = " | ".join(f"{height}×{width}, ms" for height, width in SIZES)
    print(f"| network | parameters, M | GFLOPs | {sizes} | source |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for name in tqdm(names or MODELS, unit="network"):
        tqdm.write(row(name))


if __name__ == "__main__":
    main(sys.argv[1:])
