"""One step on the same batch gives the same weights on 1, 2 and 4 devices."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from helpers.checkpoints import assert_same, newest
from helpers.small import ROOT
from helpers.tiny import ENVIRONMENT

from tfseg.losses import LOSSES, make_loss
from tfseg.runs import RunFolder
from tfseg.training.boundary import boundary_loss
from tfseg.training.replicas import Known

HEADS = {"aux": True, "loss": "cross_entropy+dice", "optimizer": "sgd"}
CASES = {
    "adamw, clipped": {"loss": "cross_entropy+dice", "clip_norm": 0.01},
    "rmsprop, L2": {"optimizer": "rmsprop", "loss": "ohem+0.5*focal", "l2_reg": 0.01},
    "adam, averages": {"optimizer": "adam", "loss": "lovasz", "ema": 0.5, "class_weights": "none"},
    "heads, the encoder's rate": {**HEADS, "encoder_lr_factor": 0.1},
    "accumulated": {**HEADS, "accumulate": 2, "l2_reg": 0.01, "clip_norm": 0.01},
    "statistics of the whole batch": {"freeze_batch_norm": False, "sync_batch_norm": True},
}


def compared(records, devices, cases):
    command = [sys.executable, "-m", "helpers.several_devices", records, devices, json.dumps(cases)]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(found):
    for name, far in found.items():
        assert far["weights"] <= 1e-5, (name, far)
        assert far["loss"] <= 1e-5, (name, far)
        assert far["pixels"] <= 2, (name, far)  # of 4,096; rounding may change some


def test_two_devices(records):
    """The default loss with clipping, and heads with a batch in two pieces."""
    chosen = ("adamw, clipped", "accumulated")
    check(compared(records, 2, {name: CASES[name] for name in chosen}))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_every_way_to_learn(records, devices):
    check(compared(records, devices, CASES))


RUNS = """
import os
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # its graph rewrites mix up two CPU devices
import tensorflow as tf
from pathlib import Path
from helpers import tiny
from tfseg.config import TrainConfig
from tfseg.training import workers
from tfseg.training.fit import resume, train
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
folder, two = Path({folder!r}), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
changes = {{"ema": 0.5, "freeze_batch_norm": True, "schedule": "constant", "loss": "dice"}}
for name, strategy in (("one", None), ("two", two)):
    workers.devices.select = lambda *_, strategy=strategy: strategy
    train(tiny.config(Path({records!r}), folder / name, **changes))
broken = train(tiny.config(Path({records!r}), folder / "broken", **changes, epochs=1))
resume(TrainConfig.of(resume=broken, epochs=2))
"""


@pytest.mark.slow
def test_a_run_on_two_devices(records, tmp_path):
    """Weights, averages and metrics equal those of one device; resuming is exact to the bit.

    The last batch of val has one frame, so one device has none.
    """
    code = RUNS.format(folder=str(tmp_path), records=str(records))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = newest(tmp_path / "one"), newest(tmp_path / "two")
    for name, array in one.items():
        far = np.abs(two[name] - array).max() / max(np.abs(array).max(), 1e-12)
        assert far <= (1e-4 if "optimizer" in name else 1e-5), name  # it holds squares
    states = [RunFolder(tmp_path / name).last() for name in ("one", "two")]
    assert states[0] == {**states[1], "best_miou": pytest.approx(states[1]["best_miou"], rel=1e-4)}
    assert_same(tmp_path / "broken", tmp_path / "two")


class Recorder(Known):
    """A whole batch that records its sums."""

    def __init__(self):
        self.sums = []

    def sum(self, value):
        self.sums.append(value)
        return value


LOSS_FUNCTIONS = {name: make_loss(name) for name in LOSSES if name != "lovasz"}


@pytest.mark.parametrize("name", [*LOSS_FUNCTIONS, "boundary"])
def test_parts_of_a_batch_have_the_loss_and_the_gradient_of_the_whole(name):
    """With known sums, unevenly spread void, and one part without a valid pixel."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, (3, 3, 3)).astype("uint8").repeat(8, 1).repeat(8, 2)
    labels[1, :15], labels[2] = 255, 255
    channels = 1 if name == "boundary" else 3
    logits = tf.constant(2 * rng.normal(size=(3, 24, 24, channels)).astype("float32"))
    loss = LOSS_FUNCTIONS.get(name, boundary_loss)

    def look(labels, logits, batch):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits, batch=batch)
        return float(value), tape.gradient(value, logits).numpy()

    recorder = Recorder()
    value, gradient = look(labels, logits, recorder)
    assert np.abs(gradient).max() > 0
    for part in (slice(0, 1), slice(1, 3)):
        found, piece = look(labels[part], logits[part], Known(recorder.sums))
        assert found == pytest.approx(value, rel=1e-6)
        np.testing.assert_allclose(piece, gradient[part], rtol=1e-5, atol=1e-9)
