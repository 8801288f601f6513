"""`test` of a trained run: metrics, images, and refusals."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from helpers.refusals import refused
from helpers.small import few_streets

import tfseg
from tfseg.cli import main
from tfseg.records.convert import convert
from tfseg.records.example import decode


def test_test_writes_the_figures_of_the_run(run, capsys):
    main(["test", f"--run={run}", "--gpu=-1", "--batch_size=2"])
    printed = capsys.readouterr().out
    assert "mIoU" in printed
    assert "Bicyclist" in printed
    figures = json.loads((run / "test-val.json").read_text())
    assert figures == json.loads((run / "results.json").read_text())
    rows = list(csv.reader((run / "test-val" / "confusion.csv").read_text().splitlines()))
    matrix = np.array([row[1:] for row in rows[1:]], int)
    assert rows[0][1:] == [row[0] for row in rows[1:]]
    records = tfseg.open_records(_input(run))
    labels = [_label(records.splits["val"], i) for i in range(3)]
    assert matrix.sum() == sum((label != 255).sum() for label in labels)
    accuracy = np.trace(matrix) / matrix.sum()
    assert figures["pixel_accuracy"] == pytest.approx(accuracy)
    assert len(list((run / "test-val").glob("frame-*.png"))) == 3
    assert (run / "test-val" / "confusion.png").exists()


def _input(run):
    return json.loads((run / "config.json").read_text())["input"]


def _label(split, index):
    return decode(split.read(index), split.info.encoding)[1].numpy()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split=test"], "--split=test is not in"),
        (["--checkpoint=RUN/config.json"], "give a run, or a .weights.h5"),
        (["--size=16x64"], "--size=16x64 has 16x64 pixels; linknet needs 32 a side"),
    ],
)
def test_mistakes(flags, message, run, capsys):
    flags = [word.replace("RUN", str(run)) for word in flags]
    assert message in refused(capsys, "test", f"--run={run}", "--gpu=-1", *flags)


def test_records_of_other_classes_are_refused(run, tmp_path, capsys):
    spec = few_streets(1, 1)
    convert(dataclasses.replace(spec, classes=spec.classes[::-1]), None, tmp_path)
    capsys.readouterr()  # the bar
    error = refused(capsys, "test", f"--run={run}", f"--input={tmp_path}", "--gpu=-1")
    assert "was trained on 11 (Sky, Building, Pole" in error
