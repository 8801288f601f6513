"""Addresses: mirroring and publishing over S3's protocol and in memory."""

import json
import os
from pathlib import Path

import pytest
from helpers.bucket import emptied
from helpers.small import few_streets

from tfseg import storage
from tfseg.addresses import address_of, place_of, spelled
from tfseg.config import InspectConfig, PredictConfig, TrainConfig
from tfseg.errors import UserError
from tfseg.records.convert import convert
from tfseg.records.reader import open_records
from tfseg.storage import cache, remote


def written(address, **files):
    """The local place of an address, with new files in it."""
    place = place_of(address)
    for name, text in files.items():
        path = place / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def test_addresses_and_places_are_two_spellings(tmp_path, monkeypatch):
    monkeypatch.setenv("TFSEG_CACHE", str(tmp_path))
    place = place_of("s3://data/a/b.png")
    assert place == tmp_path / "mirror/s3/data/a/b.png"
    assert address_of(place) == "s3://data/a/b.png"
    assert spelled(f"wrote {place} and {tmp_path}") == f"wrote s3://data/a/b.png and {tmp_path}"
    assert address_of(tmp_path / "other") is None
    assert str(UserError(f"{place} is missing")) == "s3://data/a/b.png is missing"
    several = PredictConfig.of(input="s3://data/a, photos,gs://other/b").input
    assert spelled(str(several)) == "s3://data/a,photos,gs://other/b"
    TrainConfig.of(input="s3://data/x", savedir="gs://data/run").save(tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text())["input"] == "s3://data/x"
    monkeypatch.setenv("TFSEG_CACHE", str(tmp_path / "other"))  # another machine reads the config
    assert TrainConfig.load(tmp_path / "config.json").input == place_of("s3://data/x")


@pytest.mark.parametrize("text", ["ftp://a/b", "S3://a/b", "s3://", "s3://a/../b", "s3://a//b"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UserError, match=r"input=.*: wanted (a path, or )?an address"):
        InspectConfig.of(input=text)


def test_records_are_published_whole_and_read_elsewhere(line, tmp_path, monkeypatch):
    output = place_of("s3://data/records")
    convert(few_streets(), None, output, size=(48, 64), shards=2)
    here = open_records(output).splits["train"]
    wanted = [here.read(i) for i in range(len(here))]
    emptied(monkeypatch, tmp_path)
    split = open_records("s3://data/records").splits["train"]
    assert not list(place_of("s3://data").rglob("*tfrecord*"))  # only the metadata
    assert split.read(5) == wanted[5]
    assert [p.name[-14:] for p in place_of("s3://data").rglob("*tfrecord*")] == ["00001-of-00002"]
    assert [split.read(i) for i in range(len(split))] == wanted
    before = line.carried
    assert open_records("s3://data/records").splits["train"].read(5) == wanted[5]
    assert line.carried - before < 8000  # only a listing


def test_shards_without_room_are_read_by_ranges(line, tmp_path, monkeypatch):
    output = place_of("s3://data/records")
    convert(few_streets(), None, output, size=(48, 64), shards=2)
    here = open_records(output).splits["train"]
    wanted = [here.read(i) for i in range(len(here))]
    emptied(monkeypatch, tmp_path)
    monkeypatch.setenv("TFSEG_CACHE_GB", "0.00003")  # room for one of the shards
    split = open_records("s3://data/records").splits["train"]
    assert [split.read(i) for i in (5, 0, 3, 1, 4, 2)] == [wanted[i] for i in (5, 0, 3, 1, 4, 2)]
    kept = [path for path in place_of("s3://data").rglob("*") if path.is_file()]
    assert len([path for path in kept if "tfrecord" in path.name]) == 1
    assert sum(path.stat().st_size for path in kept) <= 30_000


def test_shards_that_changed_since_are_refused(line, tmp_path, monkeypatch):
    convert(few_streets(), None, place_of("s3://data/records"), size=(48, 64))
    emptied(monkeypatch, tmp_path)
    split = open_records("s3://data/records").splits["train"]
    shard = next(name for name in line.system.find("data") if "train.tfrecord" in name)
    line.system.pipe(shard, line.system.cat(shard)[::-1])
    with pytest.raises(UserError, match=r"s3://data/.* was changed since its data set was opened"):
        split.read(0)


def test_another_conversion_replaces_all_that_lies_there(line, tmp_path, monkeypatch):
    output = place_of("s3://data/records")
    convert(few_streets(), None, output, size=(48, 64), shards=3)
    emptied(monkeypatch, tmp_path)
    output = place_of("s3://data/records")
    with pytest.raises(UserError, match=r"s3://data/records/streets/1.0.0 holds another"):
        convert(few_streets(), None, output, size=(32, 32))
    convert(few_streets(), None, output, size=(32, 32), overwrite=True)
    assert len([name for name in line.system.find("data") if "tfrecord" in name]) == 2
    emptied(monkeypatch, tmp_path, "third")
    assert open_records("s3://data/records").splits["val"].sizes == [(32, 32)]


def test_half_an_upload_is_no_data_set_and_the_same_command_ends_it(line, tmp_path, monkeypatch):
    output = place_of("s3://data/records")
    put, names = remote.write, []

    def breaks(file, address):
        names.append(address)
        if len(names) == 4:
            raise UserError("the power went")
        return put(file, address)

    monkeypatch.setattr(remote, "write", breaks)
    with pytest.raises(UserError, match="the power went"):
        convert(few_streets(), None, output, size=(48, 64))
    monkeypatch.setattr(remote, "write", put)
    assert not [name for name in line.system.find("data") if name.endswith("metadata.json")]
    here = os.environ["TFSEG_CACHE"]
    emptied(monkeypatch, tmp_path)
    with pytest.raises(UserError, match="input=s3://data/records holds no records"):
        open_records("s3://data/records")
    monkeypatch.setenv("TFSEG_CACHE", here)
    convert(few_streets(), None, output, size=(48, 64))
    emptied(monkeypatch, tmp_path)
    assert len(open_records("s3://data/records").splits["train"]) == 6


def test_a_mirror_follows_its_address_and_keeps_what_was_made_here(line):
    for name in ("a.png", "sub/b.png", "sub/c.jpg"):
        line.system.pipe(f"data/photos/{name}", name.encode())
    line.system.touch("data/photos/sub/")  # a web console's folder marker
    place = storage.fetch("s3://data/photos")
    found = {str(p.relative_to(place)): p.read_text() for p in place.rglob("*") if p.is_file()}
    assert found == {name: name for name in ("a.png", "sub/b.png", "sub/c.jpg")}
    line.system.rm_file("data/photos/a.png")
    line.system.pipe("data/photos/sub/b.png", b"new")
    (place / "mine.txt").write_text("not published")
    (place / "sub/c.jpg").write_text("changed here")
    storage.fetch("s3://data/photos")
    assert not (place / "a.png").exists()
    assert (place / "sub/b.png").read_text() == "new"
    assert (place / "sub/c.jpg").read_text() == "changed here"
    assert (place / "mine.txt").exists()
    assert storage.fetch("s3://data/photos/sub/*.png").name == "*.png"
    assert storage.fetch("s3://data/photos/sub/b.png").read_text() == "new"


def test_a_mirror_of_what_is_being_written_looks_again(line, monkeypatch):
    line.system.pipe("data/run/step-2", b"2")
    listing, calls = remote.listing, []

    def one_step_behind(address):
        calls.append(address)
        found = listing(address)
        return {"step-1": found["step-2"]} if len(calls) == 1 else found

    monkeypatch.setattr(remote, "listing", one_step_behind)
    assert [path.name for path in storage.fetch("s3://data/run").iterdir()] == ["step-2"]


def test_lmdb_goes_there_and_comes_back_whole(line, tmp_path, monkeypatch):
    output = place_of("s3://data/records")
    convert(few_streets(), None, output, size=(48, 64), format="lmdb")
    wanted = open_records(output).splits["val"].read(2)
    emptied(monkeypatch, tmp_path)
    assert open_records("s3://data/records").splits["val"].read(2) == wanted
    line.system.rm_file("data/records/streets_lmdb/val/data.mdb")
    with pytest.raises(UserError, match=r"s3://data/.*val/data.mdb is missing; convert again"):
        open_records("s3://data/records")


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(line, monkeypatch):
    for name in "abc":
        line.system.pipe(f"data/{name}/file", name.encode() * 400)
    monkeypatch.setenv("TFSEG_CACHE_GB", "0.000001")
    first, second = (storage.fetch(f"s3://data/{name}") / "file" for name in "ab")
    os.utime(cache._note_path(second), (1, 1))
    third = storage.fetch("s3://data/c") / "file"
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    held = storage.open_shard(first)  # while it is open, it stays
    os.utime(cache._note_path(first), (1, 1))
    storage.fetch("s3://data/b")
    assert (first.exists(), second.exists(), third.exists()) == (True, True, False)
    held.close()
    line.system.pipe("data/large/file", b"x" * 2000)
    with pytest.raises(UserError, match=r"s3://data/large has .* GB to fetch.*TFSEG_CACHE_GB"):
        storage.fetch("s3://data/large")


def test_a_line_that_breaks_and_is_slow_carries_all(line):
    data = os.urandom(300_000)
    line.system.pipe("data/folder/file", data)
    line.cuts, line.pause = 2, 0.002
    place = storage.fetch("s3://data/folder") / "file"
    assert line.cuts == 0
    assert place.read_bytes() == data
    place.write_bytes(data[::-1])
    line.cuts = 2
    storage.publish(place.parent)
    assert line.cuts == 0
    assert line.system.cat("data/folder/file") == data[::-1]


def test_names_that_no_file_can_have_are_refused(line):
    line.system.call_s3("put_object", Bucket="data", Key="bad/../../escape", Body=b"x")
    with pytest.raises(UserError, match=r"s3://data/bad holds .* an impossible local file name"):
        storage.fetch("s3://data/bad")


def test_memory_is_an_address_too():
    place = written("memory://test/a", sub__x="1", metadata_json="{}")
    storage.publish(place)
    assert set(remote.listing("memory://test/a")) == {"sub/x", "metadata.json"}
    (place / "sub/x").unlink()
    assert (storage.fetch("memory://test/a") / "sub/x").read_text() == "1"
    assert isinstance(place, Path)
