"""Batches from real records of every kind."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from helpers.batches import assert_equal_batches, take
from helpers.ramps import rng

from tfseg.data.augment import parse_augment
from tfseg.data.mixing import MIXES
from tfseg.data.order import rare_order
from tfseg.data.pipeline import Part, evaluation_batches, training_batches
from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.reader import open_records


def draw(index, size):
    """Noise in a colour per index; ends in black and class 0, so that the bytes end in zeros."""
    image = rng(index).integers(0, 256, (*size, 3), np.uint8)
    image[0, 0], image[-1, -1] = index, 0
    return image


def draw_label(index, size):
    label = rng(100 + index).integers(0, 3, size, np.uint8)
    label[0, 0], label[-1, -1] = VOID, 0
    return label


def spec(sizes):
    frames = [
        Frame(f"{i:03d}", partial(draw, i, size), partial(draw_label, i, size), indices(3))
        for i, size in enumerate(sizes)
    ]
    return DatasetSpec(
        name="noise",
        title="noise",
        classes=("a", "b", "c"),
        colors=((1, 1, 1), (2, 2, 2), (3, 3, 3)),
        frames=lambda source, report: {"train": frames, "val": frames[:1]},
        needs_source=False,
    )


def make_split(folder, sizes, **options):
    return open_records(convert(spec(sizes), None, folder, **options)).splits["train"]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """The same seven frames of 24×32 as records of every kind."""
    folder, sizes = tmp_path_factory.mktemp("records"), [(24, 32)] * 7
    return {
        "tfrecord": make_split(folder / "tfrecord", sizes),
        "lmdb": make_split(folder / "lmdb", sizes, format="lmdb"),
        "raw": make_split(folder / "raw", sizes, encoding="raw"),
        "raw lmdb": make_split(folder / "raw-lmdb", sizes, encoding="raw", format="lmdb"),
    }


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Five frames of three sizes."""
    sizes = [(24, 32), (30, 20), (24, 32), (9, 11), (30, 20)]
    return make_split(tmp_path_factory.mktemp("mixed"), sizes)


SETTINGS = {
    "batch_size": 3,
    "crop_size": (16, 20),
    "scale": (0.6, 1.8),
    "augment": parse_augment("strong"),
    "seed": 5,
    "workers": 2,
}


@pytest.fixture(scope="module")
def expected(splits):
    """Eight batches (over three epochs) from TFRecord, uninterrupted and without a cache."""
    return take(training_batches(splits["tfrecord"], **SETTINGS), 8)


def test_batches_are_uint8_of_known_shape(splits):
    dataset = training_batches(splits["tfrecord"], **SETTINGS)
    assert dataset.element_spec == (
        tf.TensorSpec((3, 16, 20, 3), tf.uint8),
        tf.TensorSpec((3, 16, 20), tf.uint8),
    )


def test_every_epoch_shows_every_frame_once_in_a_new_order(splits):
    dataset = training_batches(splits["tfrecord"], batch_size=7, crop_size=(24, 32), seed=5)
    epochs = take(dataset, 4)
    orders = [tuple(images[:, 0, 0, 0]) for images, _ in epochs]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len(set(orders)) > 1
    for images, labels in epochs:
        for image, label in zip(images, labels, strict=True):
            np.testing.assert_array_equal(image, draw(image[0, 0, 0], (24, 32)))
            np.testing.assert_array_equal(label, draw_label(image[0, 0, 0], (24, 32)))


@pytest.mark.parametrize("mix", MIXES)
def test_a_run_that_goes_on_mixes_as_before(mix, splits):
    plain = take(training_batches(splits["tfrecord"], **SETTINGS), 4)
    whole = take(training_batches(splits["tfrecord"], **SETTINGS, mix=mix), 4)
    rest = take(training_batches(splits["tfrecord"], **SETTINGS, mix=mix, start_step=2), 2)
    assert_equal_batches(rest, whole[2:])
    assert any((a != b).any() for (_, a), (_, b) in zip(whole, plain, strict=True))


def test_rare_classes_come_more_often(splits):
    """By the inverse root of their share; a class's frames come equally often."""
    counts = np.array([[900, 100, 0], [900, 0, 0], [900, 100, 50]])
    draw = rare_order(counts, seed=0)
    draws = [draw(position) for position in range(4000)]
    shown = np.bincount([shown for _, shown in draws]) / len(draws)
    wanted = 1 / np.sqrt([2700, 200, 50])
    np.testing.assert_allclose(shown, wanted / wanted.sum(), atol=0.03)
    assert {index for index, shown in draws if shown == 2} == {2}
    of_second = np.bincount([index for index, shown in draws if shown == 1])
    np.testing.assert_allclose(of_second[[0, 2]] / of_second.sum(), 0.5, atol=0.06)
    assert [draw(position) for position in range(5)] == draws[:5]


def test_the_pipeline_changes_image_and_label_together(splits):
    options = {"batch_size": 7, "crop_size": (24, 32), "augment": [("flip", 0.5)]}
    dataset = training_batches(splits["tfrecord"], **options)
    ways = set()
    for image, label in zip(*take(dataset, 1)[0], strict=True):
        mirrored = not np.array_equal(image, draw(image[0, 0, 0], (24, 32)))
        if mirrored:
            image, label = image[:, ::-1], label[:, ::-1]
        index = image[0, 0, 0]
        np.testing.assert_array_equal(image, draw(index, (24, 32)))
        np.testing.assert_array_equal(label, draw_label(index, (24, 32)))
        ways.add(mirrored)
    assert ways == {True, False}


@pytest.mark.parametrize("kind", ["lmdb", "raw", "raw lmdb"])
def test_records_of_every_kind_give_the_same_batches(splits, expected, kind):
    assert_equal_batches(take(training_batches(splits[kind], **SETTINGS), 8), expected)


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_a_cache_changes_nothing_and_leaves_nothing(splits, expected, cache, tmp_path):
    options = {"cache": cache, "cache_dir": tmp_path / "cache"}
    dataset = training_batches(splits["lmdb"], **SETTINGS, **options)
    assert_equal_batches(take(dataset, 8), expected)
    assert not list(tmp_path.glob("cache/*"))  # even during use: the file has no name


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_a_resumed_run_sees_what_the_unbroken_one_saw(splits, expected, cache):
    for start in (1, 5):
        dataset = training_batches(splits["tfrecord"], start_step=start, cache=cache, **SETTINGS)
        assert_equal_batches(take(dataset, 8 - start), expected[start:])


def test_threads_do_not_change_the_batches_and_the_seed_does(splits, expected):
    many = training_batches(splits["tfrecord"], **{**SETTINGS, "workers": 5})
    assert_equal_batches(take(many, 8), expected)
    other = take(training_batches(splits["tfrecord"], **{**SETTINGS, "seed": 6}), 1)
    assert (other[0][0] != expected[0][0]).any()


def test_frames_of_several_sizes_train_together(mixed, tmp_path):
    settings = {**SETTINGS, "crop_size": (24, 24)}
    plain = take(training_batches(mixed, **settings), 4)
    assert all(label.shape == (3, 24, 24) for _, label in plain)
    kept = training_batches(mixed, cache="disk", cache_dir=tmp_path, **settings)
    assert_equal_batches(take(kept, 4), plain)


@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
def test_evaluation_gives_the_frames_themselves_in_order(splits, cache, tmp_path):
    options = {"cache": cache, "cache_dir": tmp_path}
    batches = list(evaluation_batches(splits["tfrecord"], batch_size=3, **options))
    assert [len(images) for images, _ in batches] == [3, 3, 1]
    images, labels = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    for index in range(7):
        np.testing.assert_array_equal(images[index], draw(index, (24, 32)))
        np.testing.assert_array_equal(labels[index], draw_label(index, (24, 32)))


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_evaluation_never_pads_frames_of_several_sizes(mixed, cache):
    batches = list(evaluation_batches(mixed, batch_size=4, cache=cache))
    assert [tuple(label.shape) for _, label in batches] == [
        (1, 24, 32), (1, 30, 20), (1, 24, 32), (1, 9, 11), (1, 30, 20)
    ]  # fmt: skip
    np.testing.assert_array_equal(batches[3][0][0], draw(3, (9, 11)))


@pytest.mark.parametrize(("cache", "mend"), [("memory", "cache=disk"), ("disk", "cache=none")])
def test_frames_that_do_not_fit_are_refused(tmp_path, cache, mend):
    split = make_split(tmp_path / "records", [(24, 32)])
    split.sizes = [(10**6, 10**6)]  # pretends to be large
    with pytest.raises(UserError, match=f"cache={cache}.* 4000.0 GB .*{mend}"):
        training_batches(split, cache=cache, cache_dir=tmp_path / "cache", **SETTINGS)


def test_a_cache_folder_that_cannot_be_is_refused(splits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cache=disk: .*file"):
        evaluation_batches(splits["raw"], batch_size=1, cache="disk", cache_dir=tmp_path / "file")


def test_a_damaged_example_is_named(tmp_path):
    folder = convert(spec([(24, 32)] * 3), None, tmp_path)
    shard = next(folder.glob("*train*"))
    data = bytearray(shard.read_bytes())
    middle = data.index(b"IDAT", len(data) // 2) + 40  # within the second frame's image
    data[middle : middle + 20] = bytes(20)
    shard.write_bytes(data)
    split = open_records(folder).splits["train"]
    with pytest.raises(UserError, match=f"{shard.name}, example"):
        evaluation_batches(split, batch_size=1, cache="memory")
    with pytest.raises(tf.errors.InvalidArgumentError):
        take(training_batches(split, **SETTINGS), 2)


def joined(parts):
    """Batches joined from those of every part, in order."""
    return [
        tuple(np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        for pieces in zip(*parts, strict=True)
    ]


@pytest.mark.parametrize("mix", ["none", "cutmix"])
def test_parts_of_a_batch_are_the_batch(splits, mix):
    """With two processes of two devices each, from the middle of an epoch on."""
    settings = {**SETTINGS, "batch_size": 4, "start_step": 2, "mix": mix}
    whole = take(training_batches(splits["tfrecord"], **settings), 3)
    parts = []
    for number in range(2):
        batches = training_batches(splits["tfrecord"], **settings, part=Part(number, 2, 2))
        pieces = take(batches, 6)
        parts += [pieces[device::2] for device in range(2)]
    assert_equal_batches(joined(parts), whole)


def test_parts_of_a_validation_are_all_of_it(splits):
    """Seven frames, four at a time: the eighth is void."""
    whole = take(evaluation_batches(splits["tfrecord"], batch_size=7), 1)[0]
    parts = []
    for number in range(2):
        batches = evaluation_batches(splits["tfrecord"], batch_size=4, part=Part(number, 2, 2))
        pieces = take(batches, 9)
        assert len(pieces) == 4
        parts += [pieces[device::2] for device in range(2)]
    images, labels = (np.concatenate(arrays) for arrays in zip(*joined(parts), strict=True))
    np.testing.assert_array_equal(images[:7], whole[0])
    np.testing.assert_array_equal(labels[:7], whole[1])
    assert (labels[7] == VOID).all()
