"""Failures of transfers, and a run that is uploaded while it is written."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from helpers.bucket import emptied
from helpers.small import ROOT

from tfseg import storage
from tfseg.addresses import place_of
from tfseg.errors import UserError
from tfseg.storage import remote, run_upload

ASK = """
import sys, time
from tfseg import storage
from tfseg.errors import UserError
try:
    storage.fetch(sys.argv[1])
except UserError as error:
    print(error.typed)
"""
WRONG = {
    "no bucket": ("s3://nobucket/a", {}, "is not there"),
    "refused": ("s3://data/a", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot be reached"),
    "no server": ("s3://data/a", {"AWS_ENDPOINT_URL": "http://no.such.invalid"}, "be reached"),
    "no keys": ("s3://data/a", {"AWS_ACCESS_KEY_ID": "", "HOME": "/nowhere"}, "may not be used"),
    "no package": ("gs://data/a", {"PYTHONPATH": f"{ROOT}:{{hidden}}"}, ".[gcs]'"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_had_ends_in_one_line(line, tmp_path, kind):
    address, changes, wanted = WRONG[kind]
    (tmp_path / "gcsfs.py").write_text("raise ImportError('gcsfs')")
    changes = {name: value.format(hidden=tmp_path) for name, value in changes.items()}
    environment = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **changes}
    environment = {name: value for name, value in environment.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", ASK, address],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert address in done.stdout
    assert wanted in done.stdout


def test_a_server_that_says_nothing_is_not_waited_for(line, monkeypatch):
    monkeypatch.setattr(remote, "ANSWER", 0.2)
    line.pause = 2
    with pytest.raises(UserError, match=r"s3://data/a cannot be reached \(no answer within"):
        storage.fetch("s3://data/a")


def checkpoint(run, step):
    """Writes a checkpoint like `RunFolder.save_last`."""
    weights = run / "checkpoints" / f"step-{step:07d}.weights.h5"
    weights.parent.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text("{}")
    partial = weights.with_name(".0badcafe.weights.h5")
    partial.write_text(str(step))
    partial.rename(weights)
    partial.write_text(json.dumps({"step": step, "weights": weights.name}))
    partial.rename(weights.with_name("last.json"))
    for old in weights.parent.glob("step-*"):
        if old != weights:
            old.unlink()


def state(line):
    """The step of the run in the bucket; checks that its weights are there."""
    while True:
        text = line.system.cat("data/run/checkpoints/last.json")
        last = json.loads(text)
        try:
            weights = line.system.cat(f"data/run/checkpoints/{last['weights']}")
        except FileNotFoundError:  # the run may have advanced meanwhile
            assert line.system.cat("data/run/checkpoints/last.json") != text
            continue
        assert weights == str(last["step"]).encode()
        return last["step"]


def test_a_run_is_whole_at_its_address_at_every_moment(line, tmp_path, monkeypatch):
    monkeypatch.setattr(run_upload, "POLL", 0.01)
    run, seen, stop, step = place_of("s3://data/run"), [], threading.Event(), 0

    def look():
        while not stop.is_set():
            if line.system.exists("data/run/checkpoints/last.json"):
                seen.append(state(line))

    checkpoint(run, 0)
    looking = threading.Thread(target=look)
    with storage.uploading(run, None, tmp_path):
        looking.start()
        while len(set(seen)) < 4 and step < 5000:
            step += 1
            checkpoint(run, step)
            time.sleep(0.02)
    stop.set()
    looking.join()
    assert len(set(seen)) >= 4
    assert seen == sorted(seen)
    assert state(line) == step
    assert len([name for name in line.system.find("data/run") if "step-" in name]) == 1
    emptied(monkeypatch, tmp_path)
    assert (storage.fetch("s3://data/run") / f"checkpoints/step-{step:07d}.weights.h5").exists()


def test_a_run_that_two_write_is_told(line, tmp_path, monkeypatch):
    run = place_of("s3://data/run")
    with storage.uploading(run):
        checkpoint(run, 1)
    line.system.pipe("data/run/checkpoints/last.json", b'{"step": 7}')
    with pytest.raises(UserError, match="s3://data/run is being written by another process"):  # noqa: SIM117
        with storage.uploading(run):
            checkpoint(run, 2)
    assert line.system.cat("data/run/checkpoints/last.json") == b'{"step": 7}'


def test_a_run_that_could_not_be_uploaded_goes_on_from_what_is_here(line, monkeypatch):
    run = place_of("s3://data/run")
    with storage.uploading(run):
        checkpoint(run, 1)

    def breaks(file, address):
        raise UserError(f"{address} cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(remote, "write", breaks)
        with pytest.raises(UserError, match="cannot be reached; missing files are kept"):  # noqa: SIM117
            with storage.uploading(run):
                checkpoint(run, 2)
    assert state(line) == 1
    storage.fetch(run)
    assert json.loads((run / "checkpoints/last.json").read_text())["step"] == 2
    with storage.uploading(run):
        pass
    assert state(line) == 2
