"""A network of two convolutions, for tests of everything around training.

It is built, trained, saved and exported like other networks, but in a second. `python -m
helpers.tiny train --model=tiny ...` is the command line with this network in a separate process;
`command` starts it.
"""

import os
import subprocess
import sys

from keras import layers

from helpers.small import ROOT, SMALL
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.models.table import MODELS, Architecture


def tiny(pixels, x, num_classes):
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="bn")(x))
    return layers.Conv2D(num_classes, 1, name="classifier")(x)


NAME = "tiny"
MODELS[NAME] = Architecture(tiny, "tests", output_stride=1)

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


SETTINGS = {**SMALL, "model": NAME, "epochs": 2, "pictures": 0, "loss": "lovasz"}


def config(records, folder, **changes):
    """A config for two epochs in a second: its loss is not compiled."""
    return TrainConfig(input=records, savedir=folder, **{**SETTINGS, **changes})


def command(*argv, **options):
    """Runs the command line in a separate process, with its output as text."""
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.tiny", *map(str, argv)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


if __name__ == "__main__":
    main()
