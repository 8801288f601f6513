"""The whole workflow from bucket to bucket over S3's protocol, with a killed training."""

import json
import os
import time

import cv2
import numpy as np
import pytest
from helpers import tiny
from helpers.bucket import emptied
from helpers.serving import Server, newest, wait_for

FLAGS = ["--model=tiny", "--batch_size=2", "--gpu=-1", "--loss=lovasz", "--pictures=0"]


def started(monkeypatch, *argv):
    """Starts a command in a separate process, with this process's cache and endpoint."""
    monkeypatch.setattr(tiny, "ENVIRONMENT", {**tiny.ENVIRONMENT, **os.environ, **PATH})
    return tiny.command(*argv)


PATH = {"PYTHONPATH": tiny.ENVIRONMENT["PYTHONPATH"]}


def ran(monkeypatch, *argv):
    """The output of a command, whose exit code must be 0."""
    process = started(monkeypatch, *argv)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


def content(line, name):
    return json.loads(line.system.cat(f"data/{name}"))


@pytest.mark.slow
def test_from_bucket_to_bucket(line, raw_camvid, tmp_path, monkeypatch):
    for path in raw_camvid.rglob("*.png"):
        line.system.put_file(str(path), f"data/raw/{path.relative_to(raw_camvid)}")
    photo = min((raw_camvid / "val").iterdir())
    line.system.put_file(str(photo), "data/photos/a.png")
    line.pause = 0.001
    convert = ["convert", "--dataset=camvid", "--source=s3://data/raw", "--size=48x64"]
    said = ran(monkeypatch, *convert, "--output=s3://data/records", "--workers=1")
    assert "train --input=s3://data/records/camvid/1.0.0" in said
    emptied(monkeypatch, tmp_path, "training")
    line.cuts = 3
    train_kill_and_resume(line, tmp_path, monkeypatch)
    emptied(monkeypatch, tmp_path, "using")
    run = ["--run=s3://data/run"]
    ran(monkeypatch, "test", *run, "--gpu=-1")
    assert content(line, "run/test-val.json")["miou"] == content(line, "run/results.json")["miou"]
    predict = ["predict", *run, "--input=s3://data/photos", "--output=s3://data/masks"]
    ran(monkeypatch, *predict, "--save=mask", "--gpu=-1")
    mask = cv2.imdecode(np.frombuffer(line.system.cat("data/masks/a.png"), np.uint8), -1)
    assert mask.shape[:2] == cv2.imread(str(photo)).shape[:2]
    ran(monkeypatch, "export", *run, "--output=s3://data/exports/tiny/1")
    emptied(monkeypatch, tmp_path, "serving")
    serve_from_bucket(line)


def train_kill_and_resume(line, tmp_path, monkeypatch):
    """Kills training after the first upload; then, from an empty cache, trains two more epochs."""
    where = ["--input=s3://data/records", "--savedir=s3://data/run", "--keep=all"]
    process = started(monkeypatch, "train", *where, *FLAGS, "--epochs=5000")
    while not line.system.exists("data/run/checkpoints/last.json"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()
    step = content(line, "run/checkpoints/last.json")["step"]  # an epoch has one
    assert content(line, "run/config.json")["input"] == "s3://data/records"
    emptied(monkeypatch, tmp_path, "another machine")
    said = ran(monkeypatch, "train", "--resume=s3://data/run", f"--epochs={step + 2}")
    assert f"continues from step {step}" in said
    assert "run: s3://data/run" in said
    assert content(line, "run/checkpoints/last.json")["step"] == step + 2


def serve_from_bucket(line):
    """The server uses a version in the bucket, and switches to a new one."""
    server = Server("s3://data/exports/tiny")
    try:
        image = np.zeros((48, 64, 3), np.uint8).tolist()
        status, answer = server.predict({"instances": [image]}, "/v1/models/tiny:predict")
        assert (status, np.shape(answer["predictions"])) == (200, (1, 48, 64))
        for name in line.system.find("data/exports/tiny/1"):
            line.system.pipe(name.replace("/tiny/1/", "/tiny/2/"), line.system.cat(name))
        wait_for(lambda: newest(server) == 2)
    finally:
        assert server.stop() == 0, server.log
