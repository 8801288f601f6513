"""Experiment trackers and callbacks: what W&B and MLflow store of a run."""

import importlib.util
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.request

import keras
import pytest
from helpers.refusals import refused
from helpers.tiny import config

import tfseg
from tfseg.config import TrainConfig
from tfseg.runs import RunFolder
from tfseg.training.fit import resume, train


def test_a_missing_package_is_one_line_before_any_work(records, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    argv = ("train", f"--input={records}", "--tracker=tensorboard,mlflow")
    assert "--tracker=mlflow needs mlflow: python -m pip" in refused(capsys, *argv)
    argv = ("train", f"--input={records}", "--tracker=comet")
    assert "--tracker=comet: choose one of tensorboard, wandb, mlflow" in refused(capsys, *argv)
    assert not any(tmp_path.iterdir())


class Seen(keras.callbacks.Callback):
    """Stores the logs, and stops a run after its second epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        self.model.stop_training = epoch == 1


def test_any_callback_of_keras_takes_part(records, tmp_path):
    seen = Seen()
    run = train(config(records, tmp_path / "run", epochs=5), [seen])
    assert len(seen.logs) == 2
    assert {"loss", "miou", "pixel_accuracy", "val_loss", "val_miou"} <= seen.logs[0].keys()
    assert RunFolder(run).last()["step"] == 2 * 3
    best = max(logs["val_miou"] for logs in seen.logs)
    assert RunFolder(run).last()["best_miou"] == pytest.approx(best)
    with pytest.raises(tfseg.UserError, match=r"callbacks has 3; wanted a list of keras"):
        tfseg.train(input=records, savedir=tmp_path / "other", callbacks=[3])
    with pytest.raises(tfseg.UserError, match=r"callbacks is <.*; wanted a list of keras"):
        tfseg.train(input=records, savedir=tmp_path / "other", callbacks=seen)
    assert not (tmp_path / "other").exists()


def unpacked(content, block=2**15):
    """The records of W&B's file: after 7 bytes, a LevelDB log of blocks and record fragments."""
    assert content.startswith(b":W&B")
    place, parts = 7, b""
    while place + 7 <= len(content):
        if block - place % block < 7:
            place += block - place % block  # a header does not fit into the rest of the block
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        if not kind:
            break
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a full record, or its last fragment
            yield parts
            parts = b""


def logged(run):
    """W&B's records of an offline run, by kind."""
    from wandb.proto import wandb_internal_pb2

    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    found = {}
    for data in unpacked(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        kind = record.WhichOneof("record_type")
        found.setdefault(kind, []).append(getattr(record, kind))
    return found


def values(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_wandb_has_the_run_offline(records, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs the extra `wandb`")
    monkeypatch.setenv("WANDB_MODE", "offline")
    trackers = ("tensorboard", "wandb")
    given = {"pictures": 1, "tracker": trackers, "prior_correction": False}
    run = train(config(records, tmp_path / "run", **given))
    kept = logged(run)
    history = [values(row.item) for row in kept["history"]]
    results = json.loads((run / "results.json").read_text())
    assert [row["_step"] for row in history] == [1, 2]
    assert max(row["val/miou"] for row in history) == pytest.approx(results["miou"], abs=1e-3)
    last = history[-1]
    assert {"train/loss", "train/learning_rate", "val/iou/Road"} <= last.keys()
    images = [name for name, value in last.items() if "image-file" in json.dumps(value)]
    assert sorted(name.split("/")[0] for name in images) == ["confusion_matrix", "frames"]
    settings = values(kept["run"][0].config.update)
    assert (settings["model"], settings["epochs"]) == ("tiny", 2)
    sent = "".join(map(str, kept.get("artifact", []) + kept.get("request", [])))
    assert "best.weights.h5" in sent
    assert (run / "tensorboard" / "val").is_dir()


@pytest.fixture
def mlflow_server(tmp_path):
    """The address of a real server."""
    pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{(port := free.getsockname()[1])}"
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}"]
    stores = ["--backend-store-uri=sqlite:///runs.db", "--artifacts-destination=./artifacts"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [*command, *stores, "--workers=1"],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5)
            break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.5)
    yield address
    os.killpg(process.pid, 15)
    process.wait(timeout=60)


@pytest.mark.slow
def test_a_real_mlflow_server_has_the_run(mlflow_server, records, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    run = train(config(records, tmp_path / "run", pictures=1, tracker=("tensorboard", "mlflow")))
    resume(TrainConfig.of(resume=run, epochs=3))  # still one run there
    client = mlflow.MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("tfseg")
    (shown,) = client.search_runs([experiment.experiment_id])
    assert (shown.info.run_name, shown.info.status) == ("run", "FINISHED")
    assert (shown.data.params["model"], shown.data.params["epochs"]) == ("tiny", "2")
    curve = client.get_metric_history(shown.info.run_id, "val/miou")
    assert [point.step for point in curve] == [1, 2, 3]
    assert {"train/loss", "train/learning_rate", "val/iou/Road"} <= shown.data.metrics.keys()
    for file in (RunFolder(run).best, run / "labels.json"):
        uri = f"runs:/{shown.info.run_id}/best/{file.name}"
        sent = mlflow.artifacts.download_artifacts(uri, dst_path=tmp_path / "sent")
        with open(sent, "rb") as content:
            assert content.read() == file.read_bytes()
    images = [file.path for file in client.list_artifacts(shown.info.run_id, "images")]
    assert any("confusion_matrix" in name for name in images)
    assert any("frames" in name for name in images)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(tfseg.UserError, match=r"tracker=mlflow cannot be reached"):
        train(config(records, tmp_path / "lost", tracker=("mlflow",)))
    assert not (tmp_path / "lost").exists()
