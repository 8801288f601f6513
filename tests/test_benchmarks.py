"""The harness of the benchmarks: comparison with earlier results, and unknown names."""

import json
import subprocess
import sys

import pytest
from helpers.small import ROOT

from benchmarks.__main__ import compare


def result(ours, theirs, unit="ms"):
    figures = {"tfseg": ours, "torch": theirs}
    return [{"case": "step", "unit": unit, "base": "torch", "figures": figures}]


def test_ratios_are_compared_not_figures(capsys):
    assert compare(result(10, 20), result(30, 60)) == 0  # a machine three times as slow
    assert compare(result(10, 20), result(13, 20)) == 1
    assert compare(result(10, 20, "images/s"), result(13, 20, "images/s")) == 0
    assert compare(result(10, 20, "images/s"), result(8, 20, "images/s")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "| step | tfseg | 0.50 | 0.65 | worse |" in lines
    assert "| step | tfseg | 0.50 | 0.65 | better |" in lines


@pytest.mark.slow
def test_a_benchmark_in_a_process_of_its_own(tmp_path):
    """Runs the smallest benchmark; an unknown name is refused before any work."""
    command = [sys.executable, "-m", "benchmarks"]
    file = tmp_path / "figures.json"
    subprocess.run([*command, "convert", f"--json={file}"], cwd=ROOT, check=True)
    written = json.loads(file.read_text())
    assert "tensorflow" in written["machine"]["packages"]
    lookup, conversion = written["results"]
    assert set(lookup) == {"case", "unit", "base", "figures"}
    assert conversion["figures"]["1 processes"] > 0
    again = subprocess.run([*command, "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 2
    assert "'nothing' is not a benchmark" in again.stderr
