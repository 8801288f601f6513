"""Damaged records on disk: found when read, named in one line, or skipped and counted."""

import json
import os
import re
import shutil

import lmdb
import numpy as np
import pytest
import tensorflow as tf
from helpers.records import pixels
from helpers.small import few_streets

from tfseg.cli import main
from tfseg.data.pipeline import evaluation_batches
from tfseg.errors import UserError
from tfseg.records import tfrecord_store
from tfseg.records.convert import convert
from tfseg.records.corrupt import naming_corrupt, without_corrupt
from tfseg.records.reader import open_records

SIZE = (32, 32)
KINDS = [(form, code) for form in ("tfrecord", "lmdb") for code in ("png", "jpeg", "raw")]


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def whole(request, tmp_path_factory):
    """A data set of 4 and 2 frames: (format, folder)."""
    form, encoding = request.param
    out = tmp_path_factory.mktemp("whole")
    return form, convert(few_streets(4, 2), None, out, format=form, size=SIZE, encoding=encoding)


@pytest.fixture
def damaged(whole, tmp_path):
    """A copy with a flipped bit in its third training example: (folder, file)."""
    folder = shutil.copytree(whole[1], tmp_path / "set" / whole[1].name)
    file = train_file(folder)
    data = bytearray(file.read_bytes())
    store = open_records(folder).splits["train"]._store
    *_, offset, length = store.places[2] if whole[0] == "lmdb" else store._place(2)
    data[offset + length // 3] ^= 4
    file.write_bytes(data)
    return folder, file


def train_file(folder):
    return next(iter([*folder.glob("*train.tfrecord*"), *folder.glob("train/data.mdb")]))


def test_a_flipped_bit_is_named_with_file_split_and_index(damaged, capsys):
    folder, file = damaged
    split = open_records(folder).splits["train"]
    named = rf"{file}, example 2 of train.* is damaged \(its checksum is off\); convert again"
    for read in (split.read, split.frame, split.about):
        with pytest.raises(UserError, match=named):
            read(2)
    for cache in ("none", "memory"):
        with pytest.raises(UserError, match=named + ", or skip_damaged"), naming_corrupt(split):
            list(evaluation_batches(split, batch_size=2, cache=cache))
    capsys.readouterr()
    assert "example 2 of train" in found(capsys, "inspect", f"--input={folder}")
    verified = found(capsys, "inspect", f"--input={folder}", "--verify")
    assert re.search(f"{file} has changed since it was written; example 2 of train", verified)


def found(capsys, *argv):
    """The output of a command that ends with exit code 1."""
    with pytest.raises(SystemExit) as stopped:
        main(list(argv))
    assert stopped.value.code == 1
    return capsys.readouterr().out


def test_skipped_the_rest_is_as_it_was(whole, damaged, capsys):
    sound = without_corrupt(open_records(damaged[0], skip_damaged=True).splits["train"])
    assert "train: skipped 1 damaged of 4 examples: " in capsys.readouterr().out
    before = open_records(whole[1]).splits["train"]
    for ours, theirs in zip(range(3), (0, 1, 3), strict=True):
        for a, b in zip(pixels(sound, ours), pixels(before, theirs), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_damaged_length_ends_its_shard_alone(tmp_path, capsys):
    folder = convert(few_streets(6, 1), None, tmp_path, size=SIZE, shards=2)
    shard = sorted(folder.glob("*train*"))[0]
    data = bytearray(shard.read_bytes())
    length = int.from_bytes(data[:8], "little")
    data[16 + length] ^= 1  # in the length of the second of three
    shard.write_bytes(data)
    with pytest.raises(UserError, match=f"{shard.name} is damaged at byte {16 + length} "):
        open_records(folder)
    train = open_records(folder, skip_damaged=True).splits["train"]
    assert len(without_corrupt(train)) == 4
    assert "skipped 2 damaged of 6 examples" in capsys.readouterr().out
    shard.write_bytes(data[: 16 + length])
    assert len(without_corrupt(open_records(folder, skip_damaged=True).splits["train"])) == 4
    shard.write_bytes(data + data[: 16 + length])
    with pytest.raises(UserError, match="is damaged at byte"):
        open_records(folder)


def test_an_environment_that_shrinks_while_it_is_open(tmp_path):
    """liblmdb's memory map would kill the process by SIGBUS."""
    folder = convert(few_streets(6, 2), None, tmp_path, format="lmdb", size=SIZE, encoding="raw")
    train = open_records(folder).splits["train"]
    os.truncate(folder / "train" / "data.mdb", 9000)
    with pytest.raises(UserError, match=r"example 5 of train is damaged \(the file is truncated"):
        train.read(5)


def test_damaged_pages_cost_their_examples(tmp_path, capsys):
    folder = convert(few_streets(3, 1), None, tmp_path, format="lmdb", size=SIZE)
    file = folder / "train" / "data.mdb"
    whole, skipped = file.read_bytes(), set()
    for page in range(2, len(whole) // 4096):
        data = bytearray(whole)
        data[page * 4096 + 10 : page * 4096 + 40] = bytes(30)
        file.write_bytes(data)
        try:
            records = open_records(folder, skip_damaged=True)
            skipped.add(len(without_corrupt(records.splits["train"])))
        except UserError:  # the page holds the metadata, or all examples
            skipped.add(0)
    assert skipped == {0, 2, 3}


def test_a_split_that_is_gone_is_missed(tmp_path):
    folder = convert(few_streets(4, 1), None, tmp_path, format="lmdb", size=SIZE)
    shutil.rmtree(folder / "val")
    with pytest.raises(UserError, match=r"val/data\.mdb is missing; convert again"):
        open_records(folder)
    assert len(open_records(folder / "train").splits["train"]) == 4 - 1  # bare


def test_what_earlier_versions_wrote_is_read(tmp_path):
    """LMDB without checksums, metadata without a checksum of its own."""
    folder = convert(few_streets(3, 1), None, tmp_path, format="lmdb", size=SIZE)
    before = open_records(folder)
    values = [before.splits["train"].read(i) for i in range(3)]
    for split in ("train", "val"):
        environment = lmdb.open(str(folder / split), lock=False)
        with environment, environment.begin(write=True) as transaction:
            metadata = json.loads(transaction.get(b"__metadata__"))
            del metadata["checksum"]
            transaction.put(b"__metadata__", json.dumps(metadata).encode())
            assert transaction.delete(b"__checksums__")
    old = open_records(folder)
    assert old.info == before.info
    assert [old.splits["train"].read(i) for i in range(3)] == values
    assert len(open_records(folder / "train", val_fraction=0.4).splits["val"]) == 1


def no_examples(folder):
    """Records with valid checksums whose second training example is not an example."""
    shard = next(folder.glob("*train*"))
    examples = [r.numpy() for r in tf.data.TFRecordDataset(str(shard))]
    tfrecord_store.write_shard(shard, [examples[0], b"\xff\xfe\x80" * 40, examples[2]])


@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_bytes_that_are_no_example(tmp_path, capsys, encoding):
    folder = convert(few_streets(3, 1), None, tmp_path, size=SIZE, encoding=encoding)
    no_examples(folder)
    split = open_records(folder).splits["train"]
    with pytest.raises(UserError, match=r"example 1 of train .* is damaged .*; convert again"):
        split.frame(1)
    with pytest.raises(UserError, match=r"example 1 of train .* is damaged"), naming_corrupt(split):
        list(evaluation_batches(split, batch_size=1))
    assert len(without_corrupt(split)) == 2
    capsys.readouterr()
    flags = (f"--input={folder}", f"--savedir={tmp_path}/run", "--batch_size=1", "--gpu=-1")
    with pytest.raises(SystemExit):
        main(["train", *flags, "--cache=memory"])
    assert "example 1 of train" in capsys.readouterr().err.splitlines()[-1]


METADATA = [
    ({"classes": 5}, "metadata.json: classes is 5; wanted a list of 1 to 254 names"),
    ({"classes": ["a", 3]}, 'classes is ["a", 3]; wanted a list'),
    ({"classes": ["a\nb"]}, "classes is "),
    ({"colors": [[1, 2]]}, "colors is [[1, 2]]; wanted a list of [r, g, b], each 0 to 255"),
    ({"colors": [[0, 0, 256]]}, "wanted a list of [r, g, b]"),
    ({"colors": [[0, 0, 0]]}, "has 11 classes and 1 colors"),
    ({"void": 254}, "void is 254; wanted 255"),
    ({"encoding": "jpeg"}, 'encoding is "jpeg"; wanted encoded or raw'),
    ({"sizes": {"train": [[0, 5]]}}, "wanted lists of [height, width] by split"),
    ({"sizes": {"train": [[10**6, 10**6]]}}, "wanted lists of [height, width] by split"),
    ({"sizes": {"train": [[32, 32]]}}, "dataset_info.json has the splits train, val, but metadata"),
    ({"pixel_range": [1, float("nan")]}, "wanted two numbers, the smaller first"),
    ({"name": None}, "name is null; wanted a text"),
    ({"unknown": 3}, "has changed since it was written; convert again, or, if you meant the"),
]


@pytest.mark.parametrize(("change", "message"), METADATA, ids=range(len(METADATA)))
def test_odd_metadata_are_named(tmp_path, change, message):
    folder = convert(few_streets(1, 1), None, tmp_path, size=SIZE)
    path = folder / "metadata.json"
    values = json.loads(path.read_text()) | change
    if change != {"unknown": 3}:
        del values["checksum"]
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=re.escape(message)):
        open_records(folder)


def test_other_bytes_for_json_are_named(tmp_path):
    folder = convert(few_streets(1, 1), None, tmp_path, size=SIZE)
    for name in ("metadata.json", "dataset_info.json"):
        path = folder / name
        whole = path.read_bytes()
        for data in (b"", b"\xff", b"[]", b"[" * 10**5, b"{}", whole[:-9], b'{"name": "a\\u0000"}'):
            path.write_bytes(data)
            with pytest.raises(UserError, match=f"{name}.*; convert again") as error:
                open_records(folder)
            assert "\n" not in str(error.value)
        path.write_bytes(whole)
    info = json.loads(path.read_text())
    info["splits"][0]["shardLengths"] = ["2"]
    path.write_text(json.dumps(info))
    with pytest.raises(UserError, match="holds 1 examples, not 2"):
        open_records(folder)


def test_headers_of_raw_labels_are_left_to_who_reads_them(raw_camvid, capsys):
    sorted((raw_camvid / "trainannot").iterdir())[0].write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"trainannot/street-000.png is damaged"):
        open_records(raw_camvid)
    train = open_records(raw_camvid, skip_damaged=True).splits["train"]
    assert len(without_corrupt(train)) == 2
    assert "skipped 1 damaged of 3 examples" in capsys.readouterr().out
