"""Commands on a real Ray cluster on 127.0.0.1: the same files as without, also after kills."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.checkpoints import assert_same, newest
from helpers.refusals import refused
from helpers.small import few_streets

from tfseg.runs import RunFolder

EPOCHS = 8  # of 3 steps
SETTINGS = {
    "model": "cae",
    "loss": "dice",
    "optimizer": "sgd",  # Adam amplifies differences in rounding
    "batch_size": 2,
    "gpu": -1,
    "precision": "float32",
    "workers": 1,
    "pictures": 1,
    "class_weights": "none",
    "freeze_batch_norm": True,
    "epochs": EPOCHS,
    "keep": 2,
}
REFUSED = {
    "train --num_workers=2": "--num_workers=2 needs --ray=auto",
    "train --ray=auto --savedir=new": "--ray needs --num_workers=N",
    "train --ray=auto --num_workers=2": "--ray needs --savedir=FOLDER",
    "train --ray=10.0.0.1": "--ray=10.0.0.1: wanted auto, or the address of a cluster",
    "train --ray=ray://host": "--ray=ray://host: wanted auto, or the address",
    "predict --run=run --input=a.png --ray=auto": "--ray needs --num_workers=N",
    "predict --run=run --input=s3://b/a --ray=auto --num_workers=1": "--input=s3://b/a does not w",
    "convert --dataset=camvid --source=s3://b/raw --ray=auto": "--source=s3://b/raw does not w",
}
WITHOUT = "import sys; sys.modules['ray'] = None; from tfseg.cli import main; main(sys.argv[1:])"


def flags(**values):
    return [f"--{name}={value}" for name, value in values.items()]


@pytest.mark.parametrize("typed", REFUSED)
def test_flags_that_do_not_go_together(typed, capsys):
    pytest.importorskip("ray", reason="needs the extra `ray`")
    assert REFUSED[typed] in refused(capsys, *typed.split())


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:10001"])
def test_without_ray_a_line_says_what_installs_it(address):
    argv = ["convert", "--dataset=streets", f"--ray={address}"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *argv], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: --ray needs ray: python -m pip install -e '.[ray]'\n"


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="needs the extra `ray`")
    from helpers.cluster import running

    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Records of 6 + 3 streets, as large as the smallest network takes."""
    from tfseg.records.convert import convert

    folder = tmp_path_factory.mktemp("scenes")
    convert(few_streets(), None, folder, size=(64, 64))
    return folder


@pytest.fixture(scope="module")
def trained(cluster, scenes, tmp_path_factory):
    """An undisturbed run of two workers, and its output."""
    run = tmp_path_factory.mktemp("ray") / "run"
    given = {"ray": "auto", "num_workers": 2, "input": scenes, "savedir": run}
    return run, cluster.said("train", *flags(**SETTINGS, **given))


@pytest.mark.slow
def test_training_ends_as_on_one_machine(trained, cluster, scenes, tmp_path):
    run, said = trained
    assert f"run: {run}" in said.splitlines()
    assert json.loads((run / "results.json").read_text())["miou"] > 0
    cluster.said("train", *flags(**SETTINGS, input=scenes, savedir=tmp_path / "run"))
    one, two = newest(tmp_path / "run"), newest(run)
    for name, array in one.items():
        scale = max(np.abs(array).max(), 1e-12)
        assert np.abs(two[name] - array).max() / scale <= 1e-5, name


@pytest.mark.slow
def test_killed_workers_change_nothing(trained, cluster, scenes, tmp_path):
    """First the worker that only trains, then the one that keeps the run."""
    run = tmp_path / "run"
    given = {"ray": cluster.address, "num_workers": 2, "input": scenes, "savedir": run}
    job = cluster.command("train", *flags(**SETTINGS, **given))
    try:
        killed = [kill(cluster, run, chief=False)]
        killed.append(kill(cluster, run, chief=True))
        said, _ = job.communicate(timeout=300)
    finally:
        job.kill()
    assert job.returncode == 0, said[-4000:]
    assert 0 < killed[0] < killed[1] < 3 * EPOCHS
    assert_same(run, trained[0])


def kill(cluster, run, chief):
    """Kills a worker as soon as the run has a new checkpoint; returns the step of that."""
    before, deadline = step(run), time.monotonic() + 200
    while step(run) <= before:
        assert time.monotonic() < deadline, "no worker trains"
        time.sleep(0.05)
    keeping = [p for p in cluster.trainers() if holds(p, run)]
    (victim,) = keeping if chief else [p for p in cluster.trainers() if p not in keeping]
    found = step(run)
    os.kill(victim.pid, signal.SIGKILL)
    return found


def step(run):
    return (RunFolder(run).last() or {"step": 0})["step"]


def holds(process, run):
    return any(file.path == str(run / ".lock") for file in process.open_files())


@pytest.mark.slow
def test_a_mistake_ends_the_job_at_once(cluster, scenes, tmp_path):
    given = {"ray": "auto", "num_workers": 2, "input": scenes, "savedir": tmp_path / "run"}
    said = cluster.said("train", *flags(**{**SETTINGS, "batch_size": 3}, **given), code=2)
    assert said.splitlines()[-1].startswith("error: --batch_size=3"), said[-2000:]
    assert not (tmp_path / "run" / "config.json").exists()


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize("address", ["auto", "ray://"])
def test_records_and_masks_are_the_same_bytes(cluster, run, raw_camvid, tmp_path, address):
    given = cluster.address if address == "ray://" else address
    shards = {"dataset": "camvid", "source": raw_camvid, "shards": 2}
    masks = {"run": run, "input": raw_camvid / "train", "gpu": -1, "save": "mask,probabilities"}
    for name, more in (("here", []), ("there", [f"--ray={given}"])):
        cluster.said("convert", *flags(**shards, output=tmp_path / name / "records"), *more)
        more += ["--num_workers=2"] if more else []
        cluster.said("predict", *flags(**masks, output=tmp_path / name / "masks"), *more)
    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    assert len([name for name in here if "tfrecord" in name]) == 4
    assert len([name for name in here if name.startswith("masks")]) == 6
    assert here == there


@pytest.mark.slow
def test_a_damaged_image_ends_in_one_line(cluster, run, raw_camvid, tmp_path):
    damaged = sorted((raw_camvid / "train").iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:200])
    given = flags(dataset="camvid", source=raw_camvid, output=tmp_path / "records", ray="auto")
    line = cluster.said("convert", *given, code=2).splitlines()[-1]
    assert line.startswith(f"error: {damaged}"), line
    assert not (tmp_path / "records" / "camvid" / "1.0.0").exists()
    given = flags(run=run, input=raw_camvid / "train", output=tmp_path / "masks", gpu=-1)
    more = ["--ray=auto", "--num_workers=1"]
    line = cluster.said("predict", *given, *more, code=2).splitlines()[-1]
    assert line.startswith(f"error: {damaged}"), line


@pytest.mark.slow
def test_sigterm_ends_a_training_that_waits(cluster, scenes, tmp_path):
    given = {"ray": "auto", "num_workers": 3, "input": scenes, "savedir": tmp_path / "run"}
    job = cluster.command("train", *flags(**SETTINGS, **given))
    said = terminated(job, "waiting for more machines: needs 3 CPUs; 2 of 2 free")
    assert f"train --resume={tmp_path / 'run'} --ray=auto --num_workers=3" in said


@pytest.mark.slow
def test_sigterm_ends_a_prediction_that_waits(run, raw_camvid, tmp_path):
    given = {"ray": "auto", "num_workers": 1, "run": run, "input": raw_camvid / "train", "gpu": -1}
    pytest.importorskip("ray", reason="needs the extra `ray`")
    from helpers.cluster import running

    with running(cpus=0) as empty:
        job = empty.command("predict", *flags(**given, output=tmp_path / "masks"))
        terminated(job, "waiting for more machines: needs 1 CPU; 0 of 0 free")
    assert not list((tmp_path / "masks").iterdir())


def terminated(job, line):
    """What a job says after SIGTERM, which it gets once it waits and has said the line."""
    try:
        said = iter(job.stdout.readline, "")
        assert any(line in one for one in said)
        time.sleep(5)  # until Ray waits
        job.terminate()
        rest, _ = job.communicate(timeout=60)
    finally:
        job.kill()
    assert job.returncode == 143, rest
    return rest


@pytest.mark.slow
def test_no_cluster_at_the_address(cluster, tmp_path):
    given = {"num_workers": 2, "savedir": tmp_path / "run", "ray": "ray://127.0.0.1:1"}
    said = cluster.said("train", *flags(**given), code=2)
    assert said.startswith("error: --ray=ray://127.0.0.1:1: no Ray cluster answers ("), said
    assert said.count("\n") == 1
