"""The fused AdamW against Keras' own, averages, and a run on two replicas."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers import tiny
from helpers.small import ROOT

from tfseg.training import fit
from tfseg.training.callbacks import KeepBest
from tfseg.training.fit import train
from tfseg.training.optimizers import FusedAdamW


def test_fused_adamw_is_keras_adamw():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(7, 5)), rng.normal(size=(4, 7, 5))
    ends = []
    for kind in (keras.optimizers.AdamW, FusedAdamW):
        variable = keras.Variable(start, dtype="float32")
        optimizer = kind(learning_rate=0.01, weight_decay=0.1, epsilon=1e-8)
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
        ends.append(variable.numpy())
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-6, atol=1e-6)


TWO_REPLICAS = """
import os
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # its graph rewrites mix up two CPU devices
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
from pathlib import Path
from tfseg.training import fit
from tfseg.config import TrainConfig
fit.devices.select = lambda *_: strategy
folder = Path({folder!r})
config = TrainConfig(input=Path({records!r}), savedir=folder, epochs=2, batch_size=2,
                     precision="float32", pictures=0, ema=0.5)
fit.train(config)
assert (folder / "results.json").exists()
"""


@pytest.mark.slow
def test_a_run_on_two_replicas(records, tmp_path):
    """Two virtual CPU devices stand in for two GPUs: strategy, optimizer, metric, averages."""
    code = TWO_REPLICAS.format(folder=str(tmp_path / "run"), records=str(records))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_averages_hold_the_statistics_of_batch_normalisation_too(records, tmp_path, monkeypatch):
    """What is kept as the best has averaged weights and statistics, both from every step."""
    seen, step = [], KeepBest.on_train_batch_end

    def listen(callback, batch, logs=None):
        step(callback, batch, logs)
        layer = callback.model.get_layer("bn")
        seen.append({name: np.array(getattr(layer, name)) for name in ("gamma", "moving_mean")})

    monkeypatch.setattr(KeepBest, "on_train_batch_end", listen)
    train(tiny.config(records, tmp_path / "run", epochs=1, ema=0.5))
    best = fit.load_run(tmp_path / "run").model.get_layer("bn")
    for name in ("gamma", "moving_mean"):
        wanted = seen[0][name]
        for values in seen[1:]:
            wanted = 0.5 * wanted + 0.5 * values[name]
        np.testing.assert_allclose(getattr(best, name), wanted, rtol=1e-5, atol=1e-5)
        assert not np.allclose(wanted, seen[-1][name])
