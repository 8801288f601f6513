"""A run's folder: locked by one process, usable after every kill, damage is named."""

import json
import multiprocessing
import os
import shutil
import signal
import time

import pytest
from helpers import tiny
from helpers.checkpoints import assert_same
from helpers.tiny import config

from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.networks import load_run
from tfseg.runs import RunFolder
from tfseg.training import fit
from tfseg.training.callbacks import KeepBest
from tfseg.training.fit import resume, train

FLAGS = ("--model=tiny", "--gpu=-1", "--batch_size=2", "--precision=float32", "--pictures=0")


@pytest.fixture(scope="module")
def whole(records, tmp_path_factory):
    """An undisturbed run of two epochs."""
    return train(config(records, tmp_path_factory.mktemp("whole") / "run"))


def start(records, folder, *flags):
    return tiny.command("train", f"--input={records}", f"--savedir={folder}", *FLAGS, *flags)


def wait_for(happened, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Locking


def test_a_run_is_held_by_one_process_until_it_is_killed(records, tmp_path):
    folder = tmp_path / "run"
    first = start(records, folder, "--epochs=100000")
    try:
        wait_for((folder / "checkpoints" / "last.json").exists, first)
        for again in (config(records, folder), TrainConfig.of(resume=folder)):
            with pytest.raises(UserError, match=r"another process is training .*choose another"):
                (resume if again.resume else train)(again)
    finally:
        first.kill()
        first.communicate()
    epochs = RunFolder(folder).last()["step"] // 3 + 1
    resume(TrainConfig.of(resume=folder, epochs=epochs))
    assert not (folder / ".lock").exists()


def _name(folder, names):
    os.chdir(folder)
    names.put(str(RunFolder.new("streets", "linknet").path))


def test_names_chosen_in_the_same_second_never_collide(tmp_path):
    context = multiprocessing.get_context("fork")
    names = context.Queue()
    processes = [context.Process(target=_name, args=(tmp_path, names)) for _ in range(8)]
    for process in processes:
        process.start()
    assert len({names.get(timeout=30) for _ in processes}) == 8


def test_a_refused_training_leaves_no_folder(records, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        train(config(records, tmp_path / "run", checkpoint=tmp_path / "none.weights.h5"))
    assert not any(tmp_path.iterdir())


def test_a_lock_that_is_a_link_is_not_followed(records, tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(target)
    with pytest.raises(UserError, match="cannot lock"):
        train(config(records, tmp_path / "run"))
    assert target.read_text() == "precious"


# Kills


def leave(folder, *kept):
    """Removes all files except those with one of `kept` in their name."""
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        if not any(part in path.name for part in kept):
            path.unlink()


LEFT = {
    "an empty folder": (),
    "labels alone": ("labels",),
    "no checkpoint": ("labels", "config"),
    "the best alone": ("labels", "config", "best"),
    "a checkpoint that nothing names": ("labels", "config", "best", "step"),
}


@pytest.mark.parametrize("left", LEFT)
def test_what_a_kill_leaves_is_no_dead_end(records, whole, tmp_path, left):
    """The same command starts again, and so does `--resume`, if it finds the config."""
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    leave(folder, *LEFT[left])
    (folder / "checkpoints" / ".0123abcd.best.weights.h5").write_bytes(b"half")
    if (folder / "config.json").exists():
        shutil.copytree(folder, tmp_path / "other")
        resume(TrainConfig.of(resume=tmp_path / "other"))
        assert_same(tmp_path / "other", whole)
    train(config(records, folder))
    assert_same(folder, whole)
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    assert names == {"best.weights.h5", "last.json", "step-0000006.weights.h5"}


def stop_in_validation(records, folder, kind, monkeypatch, **changes):
    with monkeypatch.context() as patch:
        patch.setattr(
            fit.callbacks.StopOnNaN, "on_test_begin", lambda *_, **__: signal.raise_signal(kind)
        )
        with pytest.raises(KeyboardInterrupt, match="at step 3, saved") as stopped:
            train(config(records, folder, **changes))
    return stopped.value


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema": 0.5}, {"ema": 0.5, "precision": "mixed_float16"}],
    ids=["plain", "averaged", "averaged in mixed_float16"],
)
def test_stopped_in_its_validation_it_validates_when_it_goes_on(
    records, tmp_path, monkeypatch, changes
):
    """The epoch's metrics are not lost, and the final weights are the same."""
    whole = train(config(records, tmp_path / "whole", **changes))
    folder = tmp_path / "run"
    stop_in_validation(records, folder, signal.SIGTERM, monkeypatch, **changes)
    state = RunFolder(folder).last()
    assert (state["step"], state["validated"]) == (3, False)
    assert not RunFolder(folder).best.exists()
    resume(TrainConfig.of(resume=folder))
    assert_same(folder, whole)
    assert RunFolder(folder).last() == RunFolder(whole).last()


def test_sigterm_saves_and_exits_with_143(records, tmp_path):
    folder = tmp_path / "run"
    process = start(records, folder, "--epochs=100000")
    wait_for((folder / "checkpoints" / "last.json").exists, process)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"saved; continue: train --resume={folder}" in error
    assert "Traceback" not in error


def test_minutes_between_checkpoints(records, tmp_path, monkeypatch):
    """A step takes longer than --save_every here, so every step is saved."""
    monkeypatch.setattr(
        KeepBest, "on_train_batch_begin", lambda *_, **__: time.sleep(0.61), raising=False
    )
    folder = train(config(records, tmp_path / "run", epochs=1, save_every=0.01, keep="all"))
    names = sorted(path.name for path in (folder / "checkpoints").glob("step-*"))
    assert names == [f"step-{step:07d}.weights.h5" for step in (1, 2, 3)]


def test_patience_ends_a_run_that_gets_no_better(records, tmp_path):
    """Nothing learns, so the first epoch stays the best; resuming ends at once."""
    still = {"learning_rate_init": 0.0, "weight_decay": 0.0, "freeze_batch_norm": True}
    folder = train(config(records, tmp_path / "run", epochs=9, patience=2, **still))
    state = RunFolder(folder).last()
    assert (state["step"], state["best_epoch"]) == (9, 1)
    resume(TrainConfig.of(resume=folder))
    assert RunFolder(folder).last() == state
    resume(TrainConfig.of(resume=folder, patience=3))
    assert RunFolder(folder).last()["step"] == 12


def test_older_checkpoints_go_and_the_newest_stays(whole, tmp_path):
    """Also if a kill left a checkpoint of a later step."""
    shutil.copytree(whole, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    for step in (2, 4, 99):
        shutil.copy(run.checkpoints / "step-0000006.weights.h5", run._step_file(step))
    model = load_run(run).model
    run.save_last(model, {"step": 8, "best_miou": 0.1, "validated": True}, keep=2)
    assert run.last()["weights"] == "step-0000008.weights.h5"
    assert [path.name[5:12] for path in run._steps()] == ["0000006", "0000008"]


# Damage

WRONG = {
    "last.json": [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b"7", b'"step"', b'{"step": 6}', b"[" * 100_000,
        b'{"step": "6", "best_miou": 0.5, "weights": "step-0000006.weights.h5"}',
        b'{"step": -1, "best_miou": 0.5, "weights": "step-0000006.weights.h5"}',
        b'{"step": 1e400, "best_miou": 0.5, "weights": "step-0000006.weights.h5"}',
        b'{"step": 6, "best_miou": NaN, "weights": "step-0000006.weights.h5"}',
        b'{"step": 6, "best_miou": 0.5, "weights": "../../other.weights.h5"}',
        b'{"step": 6, "best_miou": 0.5, "weights": ["step-0000006.weights.h5"]}',
    ],
    "labels.json": [
        b"", b"{}", b"[]", b"\x80", b'{"dataset": 3, "classes": ["a"], "colors": [[0, 0, 0]]}',
        b'{"dataset": "x", "classes": "ab", "colors": [[0, 0, 0], [1, 1, 1]]}',
        b'{"dataset": "x", "classes": ["a"], "colors": [[0, 0, 999]]}',
        b'{"dataset": "x", "classes": ["a"], "colors": [0]}',
        b'{"dataset": "x", "classes": ["a", "b"], "colors": [[0, 0, 0]]}',
    ],
    "config.json": [
        b"", b"[]", b"7", b"\xff", b"{" * 100_000, b'{"epochs": "many"}', b'{"epochs": null}',
        b'{"epochs": [1]}', b'{"epochs": 2.5}', b'{"batch_size": true}', b'{"crop_size": 48}',
        b'{"crop_size": ["a", "b"]}', b'{"crop_size": [48]}', b'{"gpu": 0.5}', b'{"model": 7}',
        b'{"model": "nonet"}', b'{"model": {"a": 1}}', b'{"savedir": 7}', b'{"nonsense": 1}',
        b'{"scale": [NaN, 1]}', b'{"input": null}', b'{"keep": 0}', b'{"keep": []}',
        b'{"seed": 1e999}', b'{"aux": "yes"}', b'{"aux": 1}', b'{"seed": 0.5}',
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_damaged_json_of_a_run_is_named(whole, tmp_path, name):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    run = RunFolder(folder)
    place = next(folder.rglob(name))
    for text in WRONG[name]:
        place.write_bytes(text)
        with pytest.raises(UserError) as refused:
            run.last() if name == "last.json" else load_run(run)
        said = str(refused.value)
        assert name in said or "nonet" in said, (text, said)
        assert "\n" not in said, (text, said)
        assert len(said) < 500, (text, said)


def test_a_config_of_an_earlier_version_says_no_weights_by_null(whole, tmp_path):
    values = json.loads((whole / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "encoder_weights": None}))
    assert TrainConfig.load(tmp_path / "config.json").encoder_weights == "none"


def test_a_config_survives_its_file(whole, tmp_path):
    changed = config(
        tmp_path, None, crop_size=(48, 64), gpu=(), input_weights=(2.0, 1.0), keep="all", ema=0.5,
        pixel_range=(0.0, 4095.0), aux=True, logdir=tmp_path, encoder_depth=3,
        decoder_channels=(64, 32, 16), decoder_attention="scse",
    )  # fmt: skip
    changed.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == changed
    assert json.loads((tmp_path / "config.json").read_text())["crop_size"] == [48, 64]
