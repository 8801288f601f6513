"""Runs the same steps on one and on several logical CPU devices, in a separate process.

`python -m helpers.several_devices RECORDS DEVICES CASES` takes a JSON object of cases, each with
changes to a config, and prints as JSON how far the weights are from those of one device.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # its graph rewrites mix up several CPU devices
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from helpers.small import SMALL
from tfseg.config import TrainConfig
from tfseg.labels import VOID
from tfseg.layers.batch_norm import BatchNormalization
from tfseg.models.table import MODELS, Architecture
from tfseg.records.reader import open_input
from tfseg.training.compilation import compiled, starting_network

SIDE, CLASSES, STEPS = 16, 11, 2


def headed(pixels, x, num_classes, *, aux=False):
    """A network of two convolutions; with `aux`, also an auxiliary and a boundary head."""
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.ReLU()(BatchNormalization(name="bn")(x))
    logits = layers.Conv2D(num_classes, 1, name="classifier")(x)
    if not aux:
        return logits
    boundary = layers.Conv2D(1, 1, name="edges")(x)
    return {
        "logits": logits,
        "aux": layers.Conv2D(num_classes, 1, name="side")(x),
        "boundary": boundary,
    }


def batches(count, frames=8):
    """Images and labels; later frames have more void pixels."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (count, frames, SIDE, SIDE, 3), "uint8")
    coarse = rng.integers(0, CLASSES, (count, frames, 4, 4), "uint8")
    labels = coarse.repeat(SIDE // 4, 2).repeat(SIDE // 4, 3)
    void = rng.random(labels.shape) < np.linspace(0, 1, frames)[:, None, None] ** 2
    return images, np.where(void, np.uint8(VOID), labels)


def after_steps(config, records, strategy, frames):
    """All variables, the loss and the confusion matrix after `STEPS` steps from the same start."""
    keras.utils.set_random_seed(3)
    with strategy.scope():
        plain = config.replace(encoder_lr_factor=1.0)
        network = starting_network(plain, CLASSES, resuming=False)
        network.encoder_layers = {"conv": 32}
        model, metric = compiled(network, config, records, STEPS)
    data = tf.data.Dataset.from_tensor_slices(batches(STEPS, frames))
    logs = model.fit(data, steps_per_epoch=STEPS, shuffle=False, verbose=0).history
    kept = [ops.convert_to_numpy(v).astype("float64") for v in model.variables]
    return kept, logs["loss"][0], metric.matrix()


def distances(config, records, several, frames=8):
    """Relative distances of several devices' results from one device with the whole batch."""
    alone = tf.distribute.get_strategy()
    one, loss, matrix = after_steps(config.replace(accumulate=1), records, alone, frames)
    found, other, counts = after_steps(config, records, several, frames)
    spread = [
        np.abs(same - array).max() / max(np.abs(array).max(), 1e-12)
        for array, same in zip(one, found, strict=True)
    ]
    return {
        "weights": float(max(spread)),
        "loss": abs(other / loss - 1),
        "pixels": int(np.abs(counts - matrix).sum()),
    }


def main(records, number, cases):
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * int(number)
    tf.config.set_logical_device_configuration(cpu, logical)
    strategy = tf.distribute.get_strategy()
    if int(number) > 1:
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(int(number))])
    MODELS["headed"] = Architecture(headed, "tests", smallest=1, output_stride=1)
    settings = {**SMALL, "model": "headed", "freeze_batch_norm": True, "crop_size": (SIDE, SIDE)}
    found = {}
    for name, changes in json.loads(cases).items():
        config = TrainConfig(input=Path(records), **{**settings, **changes})
        found[name] = distances(config, open_input(config), strategy)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
