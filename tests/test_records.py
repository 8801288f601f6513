"""Records: both formats, read back bit for bit, and damage."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.records import digest, first, pixels, raw_frames
from helpers.small import CAMVID, ROOT, few_streets

from tfseg.datasets import camvid, get_dataset
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.histogram import class_histogram
from tfseg.records.reader import open_records
from tfseg.records.tfds_files import dataset_info, features
from tfseg.records.tfrecord_store import shard_path


@pytest.mark.parametrize("encoding", ["keep", "png", "raw"])
@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_every_pixel_comes_back(raw_camvid, tmp_path, format, encoding):
    out = convert(camvid.spec(), raw_camvid, tmp_path / "out", format=format, encoding=encoding)
    records = open_records(tmp_path / "out")
    assert (records.path, records.format) == (out, format)
    assert records.info.classes == camvid.spec().classes
    assert records.info.colors == camvid.spec().colors
    assert {name: len(split) for name, split in records.splits.items()} == {"train": 3, "val": 2}
    places = {"train": 0, "val": 0}
    for split, image, label in raw_frames(raw_camvid):
        found = pixels(records.splits[split], places[split])
        np.testing.assert_array_equal(found[0], image)
        np.testing.assert_array_equal(found[1], label)
        places[split] += 1
    assert records.splits["val"].sizes == [(144, 192)]


def test_kept_images_are_the_files_own_bytes(raw_camvid, tmp_path):
    convert(camvid.spec(), raw_camvid, tmp_path)
    file = first(raw_camvid, "train")
    assert file.read_bytes() in open_records(tmp_path).splits["train"].read(0)


def test_jpeg_is_close(raw_camvid, tmp_path):
    convert(camvid.spec(), raw_camvid, tmp_path, encoding="jpeg")
    image, label = pixels(open_records(tmp_path).splits["train"], 0)
    _, wanted, truth = next(raw_frames(raw_camvid))
    assert np.abs(image.astype(int) - wanted).mean() < 6
    np.testing.assert_array_equal(label, truth)


@pytest.mark.parametrize("encoding", ["keep", "raw"])
def test_tfds_opens_it(raw_camvid, tmp_path, encoding):
    folder = convert(camvid.spec(), raw_camvid, tmp_path, encoding=encoding)
    builder = tfds.builder_from_directory(folder)
    assert builder.info.metadata["classes"] == list(camvid.spec().classes)
    assert builder.info.metadata["void"] == 255
    assert builder.info.splits["train"].num_examples == 3
    for example, (_, image, label) in zip(
        builder.as_dataset(split="train"), raw_frames(raw_camvid), strict=False
    ):
        np.testing.assert_array_equal(example["image"], image)
        np.testing.assert_array_equal(example["label"][..., 0], label)
    assert example["id"] == b"street-002"


@pytest.mark.parametrize("encoding", ["encoded", "raw"])
def test_tfds_would_write_the_same_files(tmp_path, encoding):
    """With two splits, one of them empty, and a title with quotes and accents."""
    folder, title = tmp_path / "mine" / "1.0.0", 'Ünïcode "x" / <é>'
    folder.mkdir(parents=True)
    splits = {"train": ([3, 2], 77), "val": ([0], 0)}
    for split, (lengths, _) in splits.items():
        for shard in range(len(lengths)):
            shard_path(folder, "mine", split, shard, len(lengths)).touch()
    if encoding == "raw":
        image, label = (
            tfds.features.Tensor(shape=(None, None, bands), dtype=np.uint8, encoding="bytes")
            for bands in (3, 1)
        )
    else:
        image = tfds.features.Image(shape=(None, None, 3))
        label = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
    instance = tfds.features.Image(shape=(None, None, 1), dtype=np.uint16, encoding_format="png")
    every = {"image": image, "label": label, "id": tfds.features.Text(), "instance": instance}
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=tfds.features.FeaturesDict(every),
        split_infos=[
            tfds.core.SplitInfo(name=name, shard_lengths=lengths, num_bytes=size)
            for name, (lengths, size) in splits.items()
        ],
        version="1.0.0",
        description=title,
        check_data=False,
    )
    ours = dataset_info("mine", "1.0.0", title, splits)
    assert (folder / "dataset_info.json").read_text() == ours
    assert (folder / "features.json").read_text() == features(encoding, instances=True)


@pytest.mark.parametrize("encoding", ["keep", "raw"])
def test_both_formats_hold_the_same_bytes(raw_camvid, tmp_path, encoding):
    for format in ("tfrecord", "lmdb"):
        convert(camvid.spec(), raw_camvid, tmp_path, format=format, encoding=encoding)
    shards, lmdb = (open_records(tmp_path, name) for name in ("camvid", "camvid_lmdb"))
    for name, split in shards.splits.items():
        assert [split.read(i) for i in range(len(split))] == [
            lmdb.splits[name].read(i) for i in range(len(split))
        ]


def test_size_resizes_image_and_label_together(raw_camvid, tmp_path):
    convert(camvid.spec(), raw_camvid, tmp_path, size=(72, 96))
    split = open_records(tmp_path).splits["train"]
    assert split.sizes == [(72, 96)]
    image, label = pixels(split, 0)
    _, wanted, truth = next(raw_frames(raw_camvid))
    means = wanted.reshape(72, 2, 96, 2, 3).mean((1, 3))  # bilinear at half size
    assert np.abs(image - means).max() <= 1
    blocks = truth.reshape(72, 2, 96, 2).transpose(0, 2, 1, 3).reshape(72, 96, 4)
    assert (label[..., None] == blocks).any(-1).all()


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_the_same_input_gives_the_same_bytes(raw_camvid, tmp_path, format):
    first = convert(camvid.spec(), raw_camvid, tmp_path / "a", format=format)
    second = convert(camvid.spec(), raw_camvid, tmp_path / "b", format=format)
    assert digest(first) == digest(second)


def test_shipped_streets_are_what_convert_draws(tmp_path):
    folder = convert(get_dataset("streets"), None, tmp_path)
    shipped, drawn = open_records(ROOT / "records", "streets"), open_records(folder)
    assert sum(f.stat().st_size for f in shipped.path.iterdir()) < 4_000_000
    for name, count in (("train", 64), ("val", 16)):
        a, b = shipped.splits[name], drawn.splits[name]
        assert len(a) == len(b) == count
        for index in range(0, count, 5):
            for one, two in zip(pixels(a, index), pixels(b, index), strict=True):
                np.testing.assert_array_equal(one, two)


def test_a_bare_environment_is_split_evenly(tmp_path):
    convert(few_streets(10, 2), None, tmp_path, format="lmdb", size=(32, 32))
    bare = tmp_path / "streets_lmdb" / "train"
    records = open_records(bare, val_fraction=0.2)
    train, val = records.splits["train"], records.splits["val"]
    assert (len(train), len(val)) == (8, 2)
    both = {split.read(i) for split in (train, val) for i in range(len(split))}
    assert len(both) == 10
    given = open_records(bare, input_val=tmp_path / "streets_lmdb" / "val")
    assert (len(given.splits["train"]), len(given.splits["val"])) == (10, 2)


def test_which_data_set_is_meant(raw_camvid, tmp_path):
    convert(few_streets(1, 1), None, tmp_path)
    assert open_records(tmp_path).name == "streets"
    convert(camvid.spec(), raw_camvid, tmp_path)
    assert open_records(tmp_path).name == "camvid"  # the sample is ignored
    assert open_records(tmp_path, "streets").name == "streets"
    assert open_records(tmp_path / "camvid").name == "camvid"
    assert open_records(tmp_path / "camvid" / "1.0.0").name == "camvid"
    convert(camvid.spec(), raw_camvid, tmp_path, format="lmdb")
    with pytest.raises(UserError, match="dataset=camvid or dataset=camvid_lmdb"):
        open_records(tmp_path)
    with pytest.raises(UserError, match="dataset=x is not in"):
        open_records(tmp_path, "x")


def test_no_records_says_how_to_make_some(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match="convert dataset=streets output="):
            open_records(folder)


def test_a_truncated_shard_is_named(raw_camvid, tmp_path):
    folder = convert(camvid.spec(), raw_camvid, tmp_path)
    shard = next(folder.glob("*train.tfrecord*"))
    data = shard.read_bytes()
    for cut in (len(data) - 7, len(data) // 2, 5):
        shard.write_bytes(data[:cut])
        with pytest.raises(UserError, match=f"{shard.name} is truncated at byte"):
            open_records(folder)
    shard.write_bytes(b"")
    with pytest.raises(UserError, match="holds 0 examples, not 3"):
        open_records(folder)


def test_histogram_counts_every_pixel(records):
    split = open_records(records).splits["train"]
    labels = [pixels(split, i)[1] for i in range(len(split))]
    counts = class_histogram(split)
    for value in range(11):
        assert counts.pixels[value] == sum((label == value).sum() for label in labels)
        assert counts.present[value] == sum(
            label.size for label in labels if (label == value).any()
        )
    assert counts.void == sum((label == VOID).sum() for label in labels)


def test_several_frame_sizes_in_one_set(tmp_path):
    spec = few_streets(2, 1)

    def frames(source, report):
        every = spec.frames(source, report)
        small = dataclasses.replace(
            every["train"][1],
            image=lambda: every["train"][1].image()[:100],
            label=lambda: every["train"][1].label()[:100],
        )
        return {**every, "train": [every["train"][0], small]}

    convert(dataclasses.replace(spec, frames=frames), None, tmp_path)
    assert open_records(tmp_path).splits["train"].sizes == [(100, 192), (144, 192)]


def test_a_damaged_environment_is_named(tmp_path):
    folder = convert(few_streets(6, 2), None, tmp_path, format="lmdb", size=(32, 32))
    data = folder / "train" / "data.mdb"
    whole = data.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 9000):
        data.write_bytes(whole[:cut])
        with pytest.raises(UserError, match=r"train/data.mdb is truncated; convert again"):
            open_records(folder)
    for junk in (b"", b"x" * 20000):
        data.write_bytes(junk)
        with pytest.raises(UserError, match="not a readable LMDB environment"):
            open_records(folder)


def test_records_converted_again_are_read_anew(tmp_path):
    for format in ("tfrecord", "lmdb"):
        convert(few_streets(4, 1), None, tmp_path / format, format=format, size=(32, 32))
        assert len(open_records(tmp_path / format).splits["train"]) == 4
        convert(
            few_streets(2, 1), None, tmp_path / format, format=format, size=(16, 16), overwrite=True
        )
        train = open_records(tmp_path / format).splits["train"]
        assert (len(train), train.sizes) == (2, [(16, 16)])
        assert pixels(train, 1)[1].shape == (16, 16)


def test_input_val_with_a_data_set_that_has_splits_is_refused(records):
    with pytest.raises(UserError, match="input_val=x is for a bare LMDB environment"):
        open_records(records, input_val="x")


def test_input_val_has_its_own_sizes_and_must_agree(tmp_path):
    for name, size, encoding in (("a", 32, "keep"), ("b", 48, "keep"), ("raw", 32, "raw")):
        convert(
            few_streets(2, 1), None, tmp_path / name, format="lmdb", size=(size, size),
            encoding=encoding,
        )  # fmt: skip
    train = tmp_path / "a" / "streets_lmdb" / "train"
    records = open_records(train, input_val=tmp_path / "b" / "streets_lmdb")
    assert records.splits["train"].sizes == [(32, 32)]
    assert records.splits["val"].sizes == [(48, 48)]
    with pytest.raises(UserError, match="differ in encoding; convert"):
        open_records(train, input_val=tmp_path / "raw" / "streets_lmdb" / "val")


def test_cut_metadata_is_named(raw_camvid, tmp_path):
    folder = convert(camvid.spec(), raw_camvid, tmp_path)
    for name in ("dataset_info.json", "metadata.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text[:30])
        with pytest.raises(UserError, match=f"{name} cannot be read"):
            open_records(folder)
        (folder / name).write_text(text)


@pytest.mark.skipif(not CAMVID.is_dir(), reason="the real CamVid is not here")
def test_real_camvid(tmp_path):
    convert(camvid.spec(), CAMVID, tmp_path)
    records = open_records(tmp_path)
    assert {name: len(split) for name, split in records.splits.items()} == {
        "train": 367,
        "val": 101,
    }
    counts = class_histogram(records.splits["val"])
    assert counts.void == 297271
    assert list(counts.pixels[:3]) == [1601620, 4531180, 98499]
    for index, (_, image, label) in zip(range(3), raw_frames(CAMVID), strict=False):
        found = pixels(records.splits["train"], index)
        np.testing.assert_array_equal(found[0], image)
        np.testing.assert_array_equal(found[1], label)
