"""Full disks: one line with the cause, the last good state is kept, no partial files."""

import os
import resource
import shutil

import h5py
import numpy as np
import pytest
from helpers.tiny import config

from tfseg import atomic
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.runs import RunFolder
from tfseg.training.fit import resume, train


@pytest.fixture
def small_disk(tmp_path):
    """A function from a size in bytes to a folder on a disk of that size."""
    made = []

    def make(size):
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        if os.system(f"mount -t tmpfs -o size={size} tmpfs {folder} 2>/dev/null"):
            pytest.skip("needs the right to mount a small disk")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        os.system(f"umount -l {folder}")


def test_a_full_disk_keeps_the_last_good_state(records, tmp_path, small_disk):
    folder = small_disk(110_000) / "run"
    with pytest.raises(UserError, match=r"could not write .*: No space left on device; free some"):
        train(config(records, folder, epochs=500, logdir=tmp_path / "logs", keep="all"))
    step = RunFolder(folder).last()["step"]
    assert step >= 3
    moved = shutil.copytree(folder, tmp_path / "moved")
    resume(TrainConfig.of(resume=moved, epochs=step // 3 + 1, keep=1))
    assert not list(folder.rglob(".????????.*"))


def test_training_goes_on_without_tensorboard(records, tmp_path, small_disk, capsys):
    logs = small_disk(20_000)
    folder = train(config(records, tmp_path / "run", epochs=3, logdir=logs, pictures=3))
    assert RunFolder(folder).last()["step"] == 9
    said = capsys.readouterr().err
    assert said.count(f"warning: cannot write to --logdir={logs}: No space left on device") == 1


def test_a_file_that_may_not_grow_is_named(tmp_path):
    """C libraries report it differently; the cause is always found."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, kept[1]))
    try:
        with (
            pytest.raises(UserError, match="File too large"),
            atomic.file(tmp_path / "a.h5") as partial,
            h5py.File(partial, "w") as file,
        ):
            file["x"] = np.zeros(9000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert not any(tmp_path.iterdir())
