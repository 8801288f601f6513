"""Kills and full disks, each in a process that forks before TensorFlow runs anything."""

import subprocess
import sys

import pytest
from faults.disks import can_mount
from helpers.tiny import ENVIRONMENT, ROOT


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kills", "disks"])
def test_nothing_is_lost(kind):
    if kind == "disks" and not can_mount():
        pytest.skip("needs the right to mount a small disk")
    command = [sys.executable, "-m", "tests.faults", kind, "--count=10", "--seed=14"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
