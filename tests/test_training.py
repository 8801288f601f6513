"""Runs: output, resuming, NaN, interrupts, TensorBoard over HTTP."""

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import keras
import numpy as np
import pytest
from helpers import tiny
from helpers.checkpoints import arrays, assert_same, newest
from helpers.small import ROOT, SMALL, few_streets

from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.runs import RunFolder
from tfseg.training.callbacks import StopBetweenSteps
from tfseg.training.fit import resume, train

TINY = {"model": tiny.NAME}  # if the network does not matter


def config(records, folder, **changes):
    return TrainConfig(input=records, savedir=folder, **{**SMALL, "epochs": 1, **changes})


def test_a_run_writes_its_folder(run):
    saved = TrainConfig.load(run / "config.json")
    assert saved.crop_size == (48, 64)
    assert saved.augment == "flip=0.5,brightness=0.2,contrast=0.2"
    results = json.loads((run / "results.json").read_text())
    assert {"miou", "pixel_accuracy", "class_accuracy", "fw_iou", "iou"} <= set(results)
    assert 0 <= results["miou"] <= 1
    assert list(results["iou"])[:2] == ["Sky", "Building"]
    state, saved_arrays = RunFolder(run).last(), newest(run)
    assert state["step"] == 6
    assert any("optimizer" in name for name in saved_arrays)
    best = arrays(run / "checkpoints" / "best.weights.h5")
    assert not any("optimizer" in name for name in best)
    assert len(list((run / "checkpoints").glob("step-*"))) == 1


def test_the_seed_repeats_a_run_and_resume_continues_it(records, tmp_path):
    """One epoch and a resumed second one give the same weights as two uninterrupted epochs."""
    settings = {**TINY, "schedule": "constant"}
    one, other = (train(config(records, tmp_path / name, epochs=2, **settings)) for name in "ab")
    assert RunFolder(one).last()["step"] == 6
    assert_same(one, other)

    half = train(config(records, tmp_path / "c", **settings))
    resume(TrainConfig.of(resume=half, epochs=2))
    assert_same(half, one)


def test_a_broken_epoch_goes_on_exactly(records, tmp_path, monkeypatch):
    """After Ctrl-C in the middle of an epoch, with averages, the weights are the same."""
    settings = {**TINY, "epochs": 2, "ema": 0.5}
    whole = train(config(records, tmp_path / "a", **settings))

    def ctrl_c(callback, batch, logs=None):
        if batch == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(StopBetweenSteps, "on_train_batch_begin", ctrl_c)
        with pytest.raises(KeyboardInterrupt, match="at step 2, saved; continue: train --resume="):
            train(config(records, tmp_path / "b", **settings))
    assert RunFolder(tmp_path / "b").last()["step"] == 2
    resume(TrainConfig.of(resume=tmp_path / "b", keep=2))
    assert TrainConfig.load(tmp_path / "b" / "config.json").keep == 2
    assert_same(tmp_path / "b", whole)


def test_resume_refuses_what_would_be_another_run(run):
    with pytest.raises(UserError, match="optimizer cannot change when a run is resumed"):
        resume(TrainConfig.of(resume=run, optimizer="sgd"))


def test_a_run_folder_is_not_written_over(records, run):
    with pytest.raises(UserError, match="holds a run; continue it with resume="):
        train(config(records, run))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "schedule": "step", "class_weights": "median", "l2_reg": 1e-4},
        {"optimizer": "rmsprop", "loss": "cross_entropy+0.5*dice", "warmup_epochs": 0.5},
        {"optimizer": "adam", "ema": 0.9, "clip_norm": 1.0, "schedule": "cosine", "keep": "all"},
        {"precision": "mixed_float16", "cache": "memory", "class_weights": "linknet", "ema": 0.5},
        {"precision": "mixed_bfloat16", "cache": "disk", "class_weights": "none"},
        {"mix": "cutmix", "sampling": "rare", "augment": "strong", "encoder_lr_decay": 0.5},
    ],
    ids=lambda changes: "-".join(map(str, changes.values()))[:40],
)
def test_every_way_to_train_runs(records, tmp_path, changes):
    folder = train(config(records, tmp_path / "run", **changes))
    assert (folder / "results.json").exists()
    assert keras.config.dtype_policy().name == "float32"


def test_averages_are_what_is_kept_as_the_best(records, tmp_path):
    """With a decay of 1, the averages stay at the initial weights."""
    folder = train(config(records, tmp_path / "run", ema=1.0, learning_rate_init=0.1, **TINY))
    best = arrays(folder / "checkpoints" / "best.weights.h5")
    last = newest(folder)
    moved = [n for n in best if n in last and not np.array_equal(best[n], last[n])]
    assert moved


def test_training_starts_from_a_checkpoint_of_the_same_network(records, run, tmp_path):
    best = run / "checkpoints" / "best.weights.h5"
    frozen = {"learning_rate_init": 0.0, "weight_decay": 0.0}
    started = train(config(records, tmp_path / "a", checkpoint=best, **frozen))
    wanted, found = arrays(best), arrays(started / "checkpoints" / "best.weights.h5")
    kernel = next(name for name, array in wanted.items() if array.ndim == 4)
    np.testing.assert_array_equal(found[kernel], wanted[kernel])


def test_a_checkpoint_of_another_class_count_is_refused(run, tmp_path):
    from tfseg.records.convert import convert

    names = ("a", "b")
    spec = few_streets(2, 1)
    spec = dataclasses.replace(spec, classes=names, colors=((0, 0, 0), (9, 9, 9)))
    convert(spec, None, tmp_path, size=(48, 64))
    with pytest.raises(UserError, match=r"linknet: tp_conv2.bias is \(11,\), wanted \(2,\)"):
        train(config(tmp_path, tmp_path / "run", checkpoint=run))
    assert not (tmp_path / "run").exists()


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(records, tmp_path):
    with pytest.raises(UserError, match=r"the loss became (nan|inf).*lower learning_rate_init"):
        train(config(records, tmp_path / "run", optimizer="sgd", learning_rate_init=1e30, epochs=3))


def test_a_damaged_record_is_named(records, tmp_path):
    import shutil

    damaged = tmp_path / "records"
    shutil.copytree(records, damaged)
    shard = next(damaged.rglob("*train.tfrecord*"))
    data = bytearray(shard.read_bytes())
    at = data.index(b"IDAT") + 40
    data[at : at + 20] = bytes(20)
    shard.write_bytes(data)
    with pytest.raises(UserError, match=r"example 0 .* is damaged"):
        train(config(damaged, tmp_path / "run", class_weights="none", **TINY))


def test_ctrl_c_saves_and_resume_goes_on(records, tmp_path):
    folder = tmp_path / "run"
    command = [
        sys.executable, "train.py", "train", f"--input={records}", f"--savedir={folder}",
        "--gpu=-1", "--epochs=500", "--batch_size=2", "--precision=float32", "--pictures=0",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "last.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"--resume={folder}" in error.decode()
    assert "Traceback" not in error.decode()
    state = RunFolder(folder).last()
    epochs = state["step"] // 3 + 1
    resume(TrainConfig.of(resume=folder, epochs=epochs))
    assert RunFolder(folder).last()["step"] == epochs * 3


@pytest.fixture(scope="module")
def tensorboard(run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", f"--logdir={run / 'tensorboard'}",
         "--host=127.0.0.1", f"--port={port}", "--load_fast=false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ},
    )  # fmt: skip
    yield f"http://127.0.0.1:{port}/data/plugin"
    server.terminate()
    server.wait(30)


def ask(url, seconds=60):
    """JSON or bytes from the server, once it runs and has read the events."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                body = reply.read()
            if body not in (b"{}", b"[]"):
                return body
        except OSError:
            pass
        assert time.monotonic() < deadline, f"no answer from {url}"
        time.sleep(0.5)


def test_tensorboard_shows_scalars_and_images(tensorboard):
    import cv2

    def has(tags):
        return {"train", "val"} <= set(tags)

    tags = json.loads(ask(f"{tensorboard}/scalars/tags"))
    while not has(tags):
        tags = json.loads(ask(f"{tensorboard}/scalars/tags"))
    shared = {"loss", "miou", "pixel_accuracy", "class_accuracy", "fw_iou", "iou/Road"}
    assert shared | {"learning_rate", "images_per_second"} <= set(tags["train"])
    assert shared <= set(tags["val"])
    values = json.loads(ask(f"{tensorboard}/scalars/scalars?tag=miou&run=val"))
    assert [value[1] for value in values] == [1, 2]

    images = json.loads(ask(f"{tensorboard}/images/tags"))["val"]
    (frame,) = (tag for tag in images if tag.startswith("frames/"))
    assert {"confusion_matrix", frame} == set(images)
    samples = json.loads(ask(f"{tensorboard}/images/images?run=val&tag={frame}&sample=0"))
    picture = ask(f"{tensorboard}/images/individualImage?{samples[-1]['query']}")
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB)
    # Three panels of a 48×64 frame, five times enlarged, a caption row above, the legend below.
    assert pixels.shape[1] == 3 * 320 + 4 * 8
    assert pixels.shape[0] > 240 + 24
    assert re.search(rb"learning_rate_init", ask(f"{tensorboard}/text/text?run=train&tag=config"))
