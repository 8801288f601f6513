"""Conversions: processes, shards, interruptions, and colours of no class."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from helpers.records import digest, first, pixels
from helpers.small import ROOT, few_streets

from tfseg.datasets import camvid, get_dataset
from tfseg.datasets.coding import Colors, Values, indices
from tfseg.datasets.files import pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.example import serialize
from tfseg.records.reader import open_records


def test_examples_are_what_protobuf_writes():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (70, 300, 3), np.uint8)
    label = rng.integers(0, 11, (70, 300), np.uint8)
    for picture in (image, b"", b"x" * 100_000):
        for instance in (None, label.astype(np.uint16) * 1000):
            written = serialize(picture, label, "ö/1", instance)
            example = tf.train.Example.FromString(written)
            assert example.SerializeToString(deterministic=True) == written
            assert example.features.feature["id"].bytes_list.value[0].decode() == "ö/1"


def test_colours_are_looked_up_exactly():
    rng = np.random.default_rng(0)
    colors = {tuple(map(int, c)): i for i, c in enumerate(rng.integers(0, 256, (200, 3)))}
    colors[255, 255, 255] = VOID
    coding = Colors(tuple(colors.items()))
    keys = np.array(list(colors), np.uint8)
    picked = rng.integers(0, len(keys), (50, 40))
    raw = keys[picked]
    wanted = np.array(list(colors.values()))[picked]
    index, unknown, example = coding.apply(raw)
    np.testing.assert_array_equal(index, wanted)
    assert (unknown, example) == (0, None)
    near = keys[0] ^ np.array([0, 0, 1], np.uint8)
    raw[3, 5] = raw[7, 1] = near
    index, unknown, example = coding.apply(raw)
    assert unknown == 2
    assert example == "colour {},{},{}".format(*near)
    assert index[3, 5] == index[7, 1] == VOID


def test_values_are_looked_up_exactly():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    index, unknown, example = Values(((7, 0), (11, 252), (0, VOID))).apply(every)
    assert (index.flat[7], index.flat[11], index.flat[0]) == (0, 252, VOID)
    assert (unknown, example) == (253, "value 1")
    assert (np.delete(index.ravel(), [7, 11]) == VOID).all()
    assert indices(253).apply(every[:15])[1] == 0


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_processes_do_not_change_the_bytes(raw_camvid, tmp_path, format):
    options = {"format": format, "size": (72, 96)}
    one = convert(camvid.spec(), raw_camvid, tmp_path / "one", workers=1, **options)
    two = convert(camvid.spec(), raw_camvid, tmp_path / "two", workers=2, **options)
    assert digest(one) == digest(two)


def test_an_error_in_a_process_is_said_in_one_line(raw_camvid, tmp_path):
    path = first(raw_camvid, "train")
    path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=f"{path.name} is damaged or not an image"):
        convert(camvid.spec(), raw_camvid, tmp_path / "out", workers=2)
    assert not list((tmp_path / "out").rglob("*"))


def test_shards_hold_everything_in_order(tmp_path):
    whole = convert(few_streets(7, 2), None, tmp_path / "one", size=(32, 32))
    cut = convert(few_streets(7, 2), None, tmp_path / "cut", size=(32, 32), shards=3)
    assert len(list(cut.glob("*train.tfrecord-*-of-00003"))) == 3
    assert len(list(cut.glob("*val.tfrecord-*-of-00002"))) == 2  # at most one per frame
    train = [open_records(folder).splits["train"] for folder in (whole, cut)]
    assert [train[0].read(i) for i in range(7)] == [train[1].read(i) for i in range(7)]
    with pytest.raises(UserError, match="shards=3 is for format=tfrecord"):
        convert(few_streets(2, 1), None, tmp_path, format="lmdb", shards=3)


def test_splits_and_limit_take_a_part(tmp_path):
    convert(few_streets(5, 3), None, tmp_path, size=(32, 32), splits=("val",), limit=2)
    records = open_records(tmp_path)
    assert {name: len(split) for name, split in records.splits.items()} == {"val": 2}
    with pytest.raises(UserError, match="no split 'dev'; there are train, val"):
        convert(few_streets(2, 1), None, tmp_path, splits=("dev",))


def painted(folder, frames=2, unknown=0):
    """Writes a raw folder with labels of two colours; the first `unknown` pixels have a third."""
    for i in range(frames):
        for kind in ("images", "labels"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            rgb = np.zeros((100, 100, 3), np.uint8)
            rgb[:, 50:] = (200, 10, 30)
            if kind == "labels" and i == 0:
                rgb.reshape(-1, 3)[:unknown] = (9, 9, 9)
            cv2.imwrite(str(folder / kind / f"{i}.png"), rgb[..., ::-1])
    coding = Colors((((0, 0, 0), 0), ((200, 10, 30), 1)))

    def listed(source, report):
        return {"train": pair_folders(source / "images", source / "labels", coding, report)}

    return DatasetSpec("painted", "two colours", ("a", "b"), ((0, 0, 0), (200, 10, 30)), listed)


def test_a_few_unknown_colours_become_void_and_are_told(tmp_path, capsys):
    spec = painted(tmp_path / "raw", unknown=200)
    folder = convert(spec, tmp_path / "raw", tmp_path / "out")
    said = capsys.readouterr().out
    assert "200 label pixels (1.00%) belong to no class and became void" in said
    assert "colour 9,9,9 in" in said
    assert json.loads((folder / "metadata.json").read_text())["unknown"] == 200
    label = pixels(open_records(folder).splits["train"], 0)[1]
    assert (label == VOID).sum() == 200
    assert (label[50:] == np.repeat([0, 1], 50)).all()


def test_many_unknown_colours_are_refused_unless_allowed(tmp_path):
    spec = painted(tmp_path / "raw", unknown=201)
    with pytest.raises(UserError, match=r"1.0% .* colour 9,9,9 in .*0.png.*allow_unknown"):
        convert(spec, tmp_path / "raw", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))
    folder = convert(spec, tmp_path / "raw", tmp_path / "out", allow_unknown=True)
    assert (pixels(open_records(folder).splits["train"], 0)[1] == VOID).sum() == 201


def test_unknown_values_can_be_allowed(raw_camvid, tmp_path):
    path = first(raw_camvid, "trainannot")
    cv2.imwrite(str(path), np.full((144, 192), 77, np.uint8))
    folder = convert(camvid.spec(), raw_camvid, tmp_path, allow_unknown=True)
    assert (pixels(open_records(folder).splits["train"], 0)[1] == VOID).all()


def test_many_unknown_colours_are_refused_before_the_end(tmp_path, monkeypatch):
    """It fails as soon as the limit must be exceeded; here, after the first of ten shards."""
    spec = painted(tmp_path / "raw", frames=10, unknown=1001)
    import tfseg.records.convert as module

    made = []
    real = module.make_example
    monkeypatch.setattr(module, "make_example", lambda *a, **k: made.append(a) or real(*a, **k))
    with pytest.raises(UserError, match="allow_unknown"):
        convert(spec, tmp_path / "raw", tmp_path / "out", shards=10)
    assert len(made) == 1


def start(tmp_path, *flags):
    """Starts a conversion in a separate process."""
    # Background jobs ignore Ctrl-C, and their child processes would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [
        sys.executable, "train.py", "convert", "--dataset=streets", f"--output={tmp_path}",
        "--size=288x384", *flags,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def stopped(process, stop):
    """The last line of stderr. Repeats Ctrl-C, because Python loses it in a destructor."""
    while True:
        process.send_signal(stop)
        try:
            return process.communicate(timeout=4)[1].decode().splitlines()[-1]
        except subprocess.TimeoutExpired:
            continue


@pytest.mark.parametrize(
    ("stop", "flags"),
    [
        (signal.SIGINT, ["--shards=8", "--workers=2"]),
        (signal.SIGKILL, ["--shards=8", "--workers=1"]),
        (signal.SIGKILL, ["--format=lmdb", "--workers=2"]),
    ],
)
def test_a_stopped_conversion_goes_on_where_it_stood(tmp_path, stop, flags):
    """Uses real signals; the result has the same bytes as without the interruption."""
    process = start(tmp_path / "broken", *flags)
    wait_for(lambda: list((tmp_path / "broken").rglob("progress.json")))
    error = stopped(process, stop)
    assert process.returncode != 0, "it was done before it was stopped"
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert "of 80 frames kept; run the same command to continue" in error
    kept = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "broken").rglob("*.tfrecord-00000-*")
    }
    with pytest.raises(UserError, match="holds no records"):
        open_records(tmp_path / "broken")
    format, shards = ("lmdb", None) if "--format=lmdb" in flags else ("tfrecord", 8)
    options = {"size": (288, 384), "format": format, "shards": shards, "workers": 2}
    for folder in ("broken", "whole"):
        convert(get_dataset("streets"), None, tmp_path / folder, **options)
    assert digest(tmp_path / "broken") == digest(tmp_path / "whole")
    for path, when in kept.items():
        (now,) = (tmp_path / "broken").rglob(path.name)
        assert now.stat().st_mtime_ns == when  # not written again


def test_what_another_conversion_left_is_not_mixed_in(tmp_path):
    process = start(tmp_path, "--shards=8", "--workers=1")
    wait_for(lambda: list(tmp_path.rglob("progress.json")))
    process.kill()
    process.wait()
    folder = convert(few_streets(2, 1), None, tmp_path, size=(32, 32))
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset_info.json", "features.json", "metadata.json",
        "streets-train.tfrecord-00000-of-00001", "streets-val.tfrecord-00000-of-00001",
    ]  # fmt: skip
    assert os.listdir(folder.parent) == ["1.0.0"]
