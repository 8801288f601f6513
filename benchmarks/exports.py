"""Compares the outputs of every runtime with Keras: network × format, a Markdown table.

    python -m benchmarks.exports [NAME ...]

Each network gets random weights, is folded and exported, and predicts an image of 96×128 pixels
(DeconvNet: 224×224). A cell has the largest difference of a logit relative to the largest logit,
and the share of pixels with another class, if any.
"""

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

import tfseg
from tfseg.config import ExportConfig
from tfseg.exporting.folding import fold
from tfseg.exporting.formats import FORMATS, open_export
from tfseg.models import MODELS

CLASSES = 11


def random_network(name, seed=0, **options):
    """A network with no weight at its initial value: zeros would hide errors."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    network = tfseg.build(name, CLASSES, **options)
    for variable in network.weights:
        shape = variable.shape
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif variable.path.endswith(("beta", "bias", "moving_mean")):
            variable.assign(rng.normal(0, 0.1, shape))
        elif variable.path.endswith("kernel") and not np.any(variable):
            variable.assign(rng.normal(0, 0.01, shape))
    return network


def picture(height, width, seed=0):
    """A smooth image, uint8 (1, H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (1, 6, 8, 3))
    fine = keras.ops.image.resize(coarse.astype("float32"), (height, width), "bicubic")
    return np.clip(fine, 0, 255).astype("uint8")


def difference(results, logits):
    """(largest difference of a logit relative to the largest, share of other classes)."""
    apart = np.abs(results["logits"] - logits).max() / np.abs(logits).max()
    return apart, np.mean(results["mask"] != logits.argmax(-1))


def cell(network, name, images, logits):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        try:
            FORMATS[name].write(network, folder, ExportConfig(outputs=("mask", "logits")), [])
            apart, other = difference(open_export(folder / FORMATS[name].file)(images), logits)
        except Exception as error:  # the table shows what a runtime cannot do
            return " ".join(f"{type(error).__name__}: {error}".split())[:150]
    return f"{apart:.0e}" + (f", {other:.2%} other" if other else "")


def row(name):
    size = (224, 224) if MODELS[name].smallest > 96 else (96, 128)
    network, images = random_network(name), picture(*size)
    logits = keras.ops.convert_to_numpy(network(images, training=False))
    network = fold(network)
    cells = [cell(network, format, images, logits) for format in FORMATS]
    keras.backend.clear_session()
    return f"| `{name}` | {' | '.join(cells)} |"


def main(names):
    print(f"| network | {' | '.join(FORMATS)} |")
    print("|---" * (len(FORMATS) + 1) + "|")
    for name in tqdm(names or MODELS, unit="network"):
        tqdm.write(row(name))


if __name__ == "__main__":
    main(sys.argv[1:])
