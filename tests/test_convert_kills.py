"""Stopped conversions continue from complete shards, and end with the same bytes."""

import dataclasses
import json

import numpy as np
import pytest
from faults import files
from helpers.records import digest
from helpers.small import few_streets

from tfseg.records.convert import convert
from tfseg.records.reader import open_records

SIZE = (32, 32)


def stopped(folder, format):
    """The folder of a conversion of 3 and 2 frames, stopped by Ctrl-C after its first split."""
    base = few_streets(3, 2)

    def frames(source, report):
        every = base.frames(source, report)
        return {split: [noted(frame) for frame in listed] for split, listed in every.items()}

    def noted(frame):
        def image():
            if any(folder.rglob("progress.json")):
                raise KeyboardInterrupt
            return frame.image()

        return dataclasses.replace(frame, image=image)

    with pytest.raises(KeyboardInterrupt, match=r"with 3 of 5 frames kept"):
        convert(dataclasses.replace(base, frames=frames), None, folder, format=format, size=SIZE)
    return next(folder.rglob(".*.partial"))


def shortened(path):
    path.write_bytes(path.read_bytes()[:-20])


def without(path):
    values = json.loads(path.read_text())
    del values["shards"][0]["sizes"]
    path.write_text(json.dumps(values))


def other_labels(path):
    """Changes labels in a way that only a note on missing classes would show."""
    values = json.loads(path.read_text())
    values["shards"][0]["labels"] = [0]
    path.write_text(json.dumps(values))


PROGRESS = {
    "as it was": lambda path: None,
    "cut": shortened,
    "empty": lambda path: path.write_bytes(b""),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "a list": lambda path: path.write_text("[1]"),
    "a key less": without,
    "other labels": other_labels,
    "a folder": lambda path: [path.unlink(), path.mkdir()],
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_damaged_progress_is_begun_anew(tmp_path, format):
    wanted = digest(convert(few_streets(3, 2), None, tmp_path / "whole", format=format, size=SIZE))
    for name, damage in PROGRESS.items():
        partial = stopped(tmp_path / name, format)
        damage(partial / "progress.json")
        (partial / ".0badcafe.progress.json").write_text("half")  # left by a kill
        again = convert(few_streets(3, 2), None, tmp_path / name, format=format, size=SIZE)
        assert digest(again) == wanted, name


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_a_kept_shard_that_is_damaged_is_written_anew(tmp_path, format):
    partial = stopped(tmp_path, format)
    file = partial / "train/data.mdb" if format == "lmdb" else next(partial.glob("*train*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    folder = convert(few_streets(3, 2), None, tmp_path, format=format, size=SIZE)
    wanted = few_streets(3, 2).list_frames(None)["train"]
    records = open_records(folder)
    assert [records.splits["train"].about(i)[0] for i in range(3)] == [f.id for f in wanted]
    assert np.isin(records.splits["train"].frame(1)[1], [*range(11), 255]).all()


@pytest.mark.slow
def test_mutated_records():
    report = files.run(files.KINDS, count=150, seed=14)
    assert not report.failures, report


@pytest.mark.slow
def test_mutated_raw_folders():
    report = files.run(files.RAW, count=110, seed=14)
    assert not report.failures, report
