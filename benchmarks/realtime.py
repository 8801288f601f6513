"""Speed of real-time networks at 512×1024 in OpenVINO; a Markdown table.

    python -m benchmarks.realtime [NAME ...]

One image at a time, uint8 pixels in and class indices out, 19 classes, float32. All networks take
seven turns after a warm-up; the table shows medians and ratios to LinkNet.
"""

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

import tfseg
from benchmarks.results import keep
from benchmarks.timing import Turns
from tfseg.catalog import flops, parameters
from tfseg.config import ExportConfig
from tfseg.exporting.folding import fold
from tfseg.exporting.formats import FORMATS, open_export

NAMES = (
    "linknet", "enet", "fast_scnn", "bisenetv2", "ddrnet23_slim", "ddrnet23", "pidnet_s",
    "pidnet_m", "pidnet_l",
)  # fmt: skip
CLASSES, SIZE, ROUNDS = 19, (512, 1024), 7


def exported(name):
    """(parameters in millions, GFLOPs, the export as a function)."""
    network = tfseg.build(name, CLASSES, input_shape=(*SIZE, 3))
    costs = parameters(network) / 1e6, sum(map(flops, network.layers)) / 1e9
    with tempfile.TemporaryDirectory() as folder:
        FORMATS["openvino"].write(fold(network), Path(folder), ExportConfig(), [])
        run = open_export(Path(folder) / FORMATS["openvino"].file)
    keras.backend.clear_session()
    return *costs, run


def main(names):
    networks = {name: exported(name) for name in tqdm(names or NAMES, unit="network")}
    contenders = {name: run for name, (*_, run) in networks.items()}
    images = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), "uint8")
    Turns().take(contenders, images)  # warm-up
    turns = Turns()
    for _ in tqdm(range(ROUNDS), unit="round"):
        turns.take(contenders, images)
    times = turns.medians(lambda seconds: 1000 * seconds)
    if "linknet" in times:
        keep("real-time networks at 512×1024, OpenVINO", "ms", times, "linknet")
    print("| network | parameters, M | GFLOPs | ms | of LinkNet's |\n|---|--:|--:|--:|--:|")
    for name, (millions, cost, _) in networks.items():
        share = times[name] / times.get("linknet", times[name])
        print(f"| `{name}` | {millions:.2f} | {cost:.1f} | {times[name]:.0f} | {share:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
