"""Real processes on 127.0.0.1 that train together."""

import json
import os
import signal
import time

import numpy as np
import pytest
from helpers import team
from helpers.checkpoints import assert_same, newest

from tfseg.errors import UserError
from tfseg.runs import RunFolder
from tfseg.training import workers

EPOCHS = 7  # of 3 steps


@pytest.fixture(scope="module")
def together(records, tmp_path_factory):
    """A run of two workers."""
    folder = tmp_path_factory.mktemp("together")
    settings = {**team.SETTINGS, "input": records, "savedir": folder / "run", "epochs": EPOCHS}
    codes = team.ended(team.start(2, folder, **settings))
    assert codes == [0, 0], (folder / "0.txt").read_text()[-2000:]
    return folder / "run"


def wait_for_checkpoint(folder, seconds=120):
    for _ in range(10 * seconds):
        if RunFolder(folder).last():
            return
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint in {folder}")


WRONG = {
    "cannot be read": {"worker": 3},
    "has 'ps'; wanted chief and worker": {"worker": ["a:1"], "ps": ["b:1"]},
    "has no task 0 of worker": {"chief": ["a:1"]},
    "has addresses .*; wanted host:port": {"worker": ["a", "b"]},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_tf_config_is_named(monkeypatch, message):
    config = {"cluster": WRONG[message], "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(UserError, match=f"TF_CONFIG {message}"):
        workers.is_chief()
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(UserError, match="TF_CONFIG cannot be read"):
        workers.is_chief()


def test_slurm_numbers_workers_in_the_order_of_its_nodes(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    variables = {"NUM_TASKS": "3", "NODELIST": "node[2,10]", "TASKS_PER_NODE": "2,1"}
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_STEP_{name}", value)
    monkeypatch.setenv("SLURM_PROCID", "1")
    addresses, rank, resolver = workers.place()
    assert (addresses, rank) == (["node2:8888", "node2:8889", "node10:8888"], 1)
    assert resolver().cluster_spec().as_dict() == {"worker": addresses}
    assert not workers.is_chief()


@pytest.mark.slow
def test_two_workers_end_where_one_process_does(records, together, tmp_path):
    settings = {**team.SETTINGS, "input": records, "savedir": tmp_path / "run", "epochs": EPOCHS}
    assert team.ended(team.start(1, tmp_path, **settings)) == [0]
    one, two = newest(tmp_path / "run"), newest(together)
    assert RunFolder(together).last()["step"] == 3 * EPOCHS
    for name, array in one.items():
        scale = max(np.abs(array).max(), 1e-12)
        assert np.abs(two[name] - array).max() / scale <= 1e-5, name
    mious = [
        json.loads((run / "results.json").read_text())["miou"]
        for run in (tmp_path / "run", together)
    ]
    assert mious[0] == pytest.approx(mious[1], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_stops_the_others(records, together, tmp_path, how):
    """At once if it is killed, after the same step if it is asked to stop; then all resume."""
    run = tmp_path / "run"
    settings = {**team.SETTINGS, "input": records, "savedir": run, "epochs": EPOCHS}
    chief, other = team.start(2, tmp_path, **settings)
    wait_for_checkpoint(run)
    os.kill(other.pid, how)
    began = time.monotonic()
    codes = team.ended([chief, other])
    said = (tmp_path / "0.txt").read_text().splitlines()
    if how == signal.SIGKILL:
        assert codes == [2, -signal.SIGKILL], said[-5:]
        assert time.monotonic() - began < 60  # the guarantee; it usually takes less
        wanted = "error: another worker has ended or cannot be reached"
    else:
        assert codes == [143, 143], said[-5:]
        wanted = "stopped at step"
        assert any(f"saved; continue: train --resume={run}" in line for line in said)
    assert any(line.startswith(wanted) for line in said), said[-5:]
    assert RunFolder(run).last()["step"] < 3 * EPOCHS
    assert team.ended(team.start(2, tmp_path, resume=run, gpu=-1)) == [0, 0]
    assert_same(run, together)
