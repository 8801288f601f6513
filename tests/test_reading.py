"""Reading raw folders like records, several data sets, parts for workers, damaged examples."""

import dataclasses

import cv2
import numpy as np
import pytest
from helpers.batches import assert_equal_batches, take
from helpers.records import first, pixels
from helpers.small import few_streets

from tfseg.data.order import frame_order
from tfseg.data.pipeline import training_batches
from tfseg.datasets import camvid
from tfseg.errors import UserError
from tfseg.records.convert import convert
from tfseg.records.corrupt import without_corrupt
from tfseg.records.reader import open_records
from tfseg.records.verify import changed_shards


def examples(split):
    return [pixels(split, index) for index in range(len(split))]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_raw_folder_reads_like_its_records(raw_camvid, tmp_path, suffix):
    for path in [*raw_camvid.glob("train/*"), *raw_camvid.glob("val/*")]:
        cv2.imwrite(str(path.with_suffix(suffix)), cv2.imread(str(path)))
        if suffix != ".png":
            path.unlink()
    convert(camvid.spec(), raw_camvid, tmp_path / "shards")
    convert(camvid.spec(), raw_camvid, tmp_path / "lmdb", format="lmdb")
    raw = open_records(raw_camvid)
    assert (raw.name, raw.format) == ("camvid", "raw")
    for other in ("shards", "lmdb"):
        records = open_records(tmp_path / other)
        assert records.info == raw.info
        for name, split in raw.splits.items():
            assert split.sizes == records.splits[name].sizes
            assert_same(examples(split), examples(records.splits[name]))
    settings = {"batch_size": 2, "crop_size": (64, 64), "scale": (0.7, 1.5), "seed": 3}
    assert_equal_batches(
        take(training_batches(raw.splits["train"], **settings), 4),
        take(training_batches(records.splits["train"], **settings), 4),
    )


def test_a_raw_folder_that_says_nothing_needs_dataset(raw_camvid, tmp_path):
    assert open_records(raw_camvid, "camvid").format == "raw"
    with pytest.raises(UserError, match="holds no records"):
        open_records(raw_camvid.parent)
    (raw_camvid / "classes.csv").write_text("name,r,g,b\na,1,2,3\nb,4,5,6\n")
    with pytest.raises(UserError, match="dataset=camvid or dataset=folder"):
        open_records(raw_camvid)


def test_turned_photos_stand_upright(raw_camvid):
    """A phone writes sideways pixels and their orientation."""
    from PIL import Image

    path = first(raw_camvid, "train").with_suffix(".jpg")
    upright = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_COLOR_RGB)
    path.with_suffix(".png").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    Image.fromarray(np.rot90(upright).copy()).save(path, exif=exif)
    lying = np.asarray(Image.open(path))
    convert(camvid.spec(), raw_camvid, raw_camvid.parent / "out")
    for folder in (raw_camvid, raw_camvid.parent / "out"):
        image, label = pixels(open_records(folder).splits["train"], 0)
        np.testing.assert_array_equal(image, np.rot90(lying, -1))
        assert image.shape[:2] == label.shape


@pytest.fixture
def two(tmp_path):
    """Two data sets of 6 and 2 training frames, 32×32, of the same classes."""
    for name, count in (("a", 6), ("b", 2)):
        spec = dataclasses.replace(few_streets(count, 1), name=name)
        convert(spec, None, tmp_path, size=(32, 32), shards=2)
    return tmp_path


def test_two_data_sets_are_read_as_one(two):
    records = open_records(f"{two}/a,{two}/b")
    assert records.name == "a+b"
    assert {name: len(split) for name, split in records.splits.items()} == {"train": 8, "val": 2}
    apart = [open_records(two / name).splits["train"] for name in ("a", "b")]
    assert_same(examples(records.splits["train"]), [*examples(apart[0]), *examples(apart[1])])
    assert "b-train.tfrecord-00001" in records.splits["train"].where(7)


def test_weights_say_how_often_each_is_drawn(two):
    train = open_records(f"{two}/a,{two}/b", weights=(1, 3)).splits["train"]
    assert train.parts == ((6, 2), (2, 6))
    index = frame_order(train.parts, seed=1)
    epochs = [[index(8 * epoch + i) for i in range(8)] for epoch in range(9)]
    for epoch in epochs:
        assert sum(i < 6 for i in epoch) == 2  # of the first set, in every epoch
    drawn = np.bincount(np.ravel(epochs), minlength=8)
    assert list(drawn) == [3] * 6 + [27] * 2  # and all frames of a set equally often
    assert [frame_order(train.parts, seed=1)(i) for i in range(8)] == epochs[0]
    assert [frame_order(train.parts, seed=2)(i) for i in range(72)] != np.ravel(epochs).tolist()


def test_data_sets_that_disagree_are_refused(two, records):
    other = dataclasses.replace(few_streets(1, 1), name="c", classes=(*"abcdefghijk",))
    convert(other, None, two, size=(32, 32))
    with pytest.raises(UserError, match="have different classes"):
        open_records(f"{two}/a,{two}/c")
    with pytest.raises(UserError, match="dataset=a does not work with several"):
        open_records(f"{two}/a,{two}/b", "a")
    with pytest.raises(UserError, match="names 3 weights for 2"):
        open_records(f"{two}/a,{two}/b", weights=(1, 2, 3))
    with pytest.raises(UserError, match="input_weights is for several"):
        open_records(two / "a", weights=(1, 2))


def test_workers_share_the_files_among_them(tmp_path):
    convert(few_streets(7, 1), None, tmp_path, size=(32, 32), shards=4)
    train = open_records(tmp_path).splits["train"]
    for workers in (2, 3, 6):  # the last: more workers than files
        parts = [train.for_worker(worker, workers) for worker in range(workers)]
        seen = [part.read(i) for part in parts for i in range(len(part))]
        assert sorted(seen) == sorted(train.read(i) for i in range(7))
        if workers < 4:
            files = [{part.file(i) for i in range(len(part))} for part in parts]
            assert sum(map(len, files)) == len(set.union(*files)) == 4
    weighted = open_records(f"{tmp_path}/streets,{tmp_path}/streets", weights=(1, 6))
    assert weighted.splits["train"].for_worker(0, 7).parts == ((1, 0), (2, 3))


def spoil(shard, index, length=20):
    """Overwrites the middle of the image of example `index` of a shard."""
    data = bytearray(shard.read_bytes())
    place = -1
    for _ in range(2 * index + 1):  # each example has two PNGs: image and label
        place = data.index(b"IDAT", place + 1)
    data[place + 40 : place + 40 + length] = bytes(length)
    shard.write_bytes(data)


def test_damaged_examples_are_skipped_and_counted(tmp_path, capsys):
    folder = convert(few_streets(5, 1), None, tmp_path, size=(32, 32))
    whole = examples(open_records(tmp_path).splits["train"])
    shard = next(folder.glob("*train*"))
    for index in (1, 3):
        spoil(shard, index)
    damaged = open_records(tmp_path).splits["train"]
    sound = without_corrupt(damaged)
    said = capsys.readouterr().out
    assert "train: skipped 2 damaged of 5 examples" in said
    assert f"{shard.name}, example 1 " in said
    assert f"{shard.name}, example 3 " in said
    assert_same(examples(sound), [whole[i] for i in (0, 2, 4)])
    for index in (0, 2, 4):
        spoil(shard, index)
    with pytest.raises(UserError, match="every example of train is damaged"):
        without_corrupt(open_records(tmp_path).splits["train"])


def test_damaged_files_of_a_raw_folder_are_skipped(raw_camvid, capsys):
    first(raw_camvid, "trainannot").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"trainannot/street-000.png is damaged"):
        open_records(raw_camvid)  # reads the header for its size
    path = first(raw_camvid, "val")
    path.write_bytes(path.read_bytes()[:-3000])
    cv2.imwrite(str(first(raw_camvid, "trainannot")), np.full((144, 192), 77, np.uint8))
    records = open_records(raw_camvid)
    assert len(without_corrupt(records.splits["train"])) == 2
    assert len(without_corrupt(records.splits["val"])) == 1
    assert "label value 77 is not a class" in capsys.readouterr().out


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_verify_finds_the_changed_shard(tmp_path, format):
    options = {"format": format, "size": (32, 32), "encoding": "raw"}
    folder = convert(few_streets(4, 2), None, tmp_path, **options)
    assert changed_shards(open_records(tmp_path)) == []
    file = next(folder.glob("*train*")) if format == "tfrecord" else folder / "train" / "data.mdb"
    data = bytearray(file.read_bytes())
    image = pixels(open_records(tmp_path).splits["train"], 2)[0].tobytes()
    data[data.index(image[1000:1100])] ^= 1  # in raw pixels, where only the checksum shows it
    file.write_bytes(data)
    records = open_records(tmp_path)
    (line,) = changed_shards(records)
    assert line.startswith(f"{file} has changed since it was written; example 2 of train")
    assert line.endswith("is damaged (its checksum is off); convert again")
    if format == "tfrecord":
        file.unlink()
        with pytest.raises(UserError, match="is missing; put it there"):
            open_records(tmp_path)
