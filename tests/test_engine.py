"""Test-time augmentation, tiles and sizes, compared with the same computed by hand."""

import subprocess
import sys
import tracemalloc

import cv2
import numpy as np
import pytest
from helpers.pictures import picture
from helpers.small import ROOT
from helpers.small_network import CLASSES, network

import tfseg
from tfseg.errors import UserError
from tfseg.evaluation.score import score
from tfseg.prediction.engine import Engine
from tfseg.prediction.tiles import blended

HALF = 2e-3  # error of probabilities in half precision


def softmax(model, image):
    """Probabilities of one image directly from the network."""
    logits = np.asarray(model(np.float32(image)[None], training=False))[0].astype(np.float64)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def resized(array, height, width):
    """OpenCV's bilinear resize, equal to TensorFlow's; it takes four channels at a time."""
    return cv2.resize(np.float32(array), (width, height), interpolation=cv2.INTER_LINEAR)


def by_hand(model, image, sizes=(None,), flip=False):
    """The mean of softmaxes at several sizes, each resized to the image's size."""
    shape, looks = image.shape[:2], []
    for size in sizes:
        seen = resized(image, *(size or shape))
        probabilities = softmax(model, seen)
        if flip:
            probabilities = (probabilities + softmax(model, seen[:, ::-1])[:, ::-1]) / 2
        looks.append(resized(probabilities, *shape))
    return np.mean(looks, axis=0)


@pytest.mark.parametrize(
    ("looks", "sizes"),
    [
        ({}, (None,)),
        ({"flip": True}, (None,)),
        ({"scales": (0.5, 1, 1.5)}, ((20, 27), (41, 54), (62, 81))),
        ({"scales": (2,), "flip": True}, ((82, 108),)),
        ({"size": (32, 40)}, ((32, 40),)),
        ({"size": (32, 40), "scales": (1, 0.5), "flip": True}, ((32, 40), (16, 20))),
    ],
    ids=["plain", "flip", "scales", "scale and flip", "size", "all"],
)
def test_test_time_augmentation_equals_that_by_hand(looks, sizes):
    model, image = network(3), picture(41, 54)
    engine = Engine(model, **looks)
    wanted = by_hand(model, image, sizes, looks.get("flip", False))
    found = engine.probabilities(image)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    classes, confidence = engine.label(np.stack([image, image[::-1]]))
    assert classes.shape == (2, 41, 54)
    np.testing.assert_array_equal(classes[0], found.argmax(-1))
    np.testing.assert_array_equal(engine.mask(image), classes[0])
    np.testing.assert_allclose(confidence[0], wanted.max(-1), atol=1e-5)


def test_mask_comes_from_logits_where_probabilities_round_to_one():
    model = network()
    model.layers[-1].set_weights([np.zeros((1, 1, 3, CLASSES)), np.array([0.0, 200, 200.5, 1])])
    classes, confidence = Engine(model).label(picture(3, 4)[None])
    assert (classes == 2).all()
    np.testing.assert_allclose(confidence, 1 / (1 + np.exp(-0.5)), atol=1e-5)


@pytest.mark.parametrize("overlap", [0, 0.25, 0.6])
@pytest.mark.parametrize("tile", [5, 16, 40])
def test_tiles_change_nothing_for_a_pixelwise_network(tile, overlap):
    model = network()
    whole_engine, engine = Engine(model), Engine(model, tile=tile, overlap=overlap)
    for shape in ((40, 53), (16, 7), (33, 32)):
        image = picture(*shape)
        whole = whole_engine.probabilities(image)
        np.testing.assert_allclose(engine.probabilities(image), whole, atol=HALF)
        mask, highest = engine.mask(image), np.sort(whole, axis=-1)
        clear = highest[..., -1] - highest[..., -2] > 2 * HALF
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(mask[clear], whole.argmax(-1)[clear])
        assert mask.max() < CLASSES


def test_a_tile_as_large_as_the_image_is_the_whole():
    model, image = network(5), picture(30, 47)
    whole = Engine(model, flip=True)
    for tile in (47, 500):
        tiled = Engine(model, flip=True, tile=tile)
        np.testing.assert_array_equal(tiled.probabilities(image), whole.probabilities(image))


def test_blocks_cover_an_image_once_and_weights_add_up_to_one():
    rng = np.random.default_rng(1)
    for _ in range(60):
        height, width, tile = (int(n) for n in rng.integers(1, 50, 3))
        seen, total = np.zeros((height, width), int), np.zeros((height, width))
        windows = []

        def ones(rows, columns, windows=windows):
            windows.append((rows, columns))
            return np.ones((rows.stop - rows.start, columns.stop - columns.start, 2), np.float32)

        for rows, columns, block in blended((height, width), tile, rng.uniform(0, 0.9), ones):
            seen[rows, columns] += 1
            total[rows, columns] = block[..., 1]
        assert (seen == 1).all()
        np.testing.assert_allclose(total, 1, atol=HALF)
        for rows, columns in windows:  # all of one size, so that one graph serves all
            assert rows.stop - rows.start == min(tile, height)
            assert columns.stop - columns.start == min(tile, width)
            assert rows.stop <= height
            assert columns.stop <= width


def test_a_tile_fades_into_the_next():
    def number(rows, columns):
        value = columns.start // 12  # of the tile, from the left
        return np.full((rows.stop - rows.start, columns.stop - columns.start, 1), value, np.float32)

    row = np.zeros(40, np.float32)
    for _, columns, block in blended((16, 40), 16, 0.25, number):
        row[columns] = block[0, :, 0]
    assert (row[:12] == 0).all()
    np.testing.assert_allclose(row[12:16], [0.125, 0.375, 0.625, 0.875])
    assert (np.diff(row) >= 0).all()
    assert row[-1] == 2


def test_batch_tile_and_order_change_no_figure(records):
    split = tfseg.open_records(records).splits["val"]
    classes = len(split.info.classes)
    tallies = [
        score(Engine(network(classes=classes), **looks), split, batch_size).tally
        for batch_size, looks in ((1, {}), (3, {}), (2, {"tile": 20}), (1, {"tile": 33}))
    ]
    first, *others = tallies
    assert len(np.unique(first.matrix.nonzero()[1])) > 2  # it predicts more than one class
    for other in others:
        np.testing.assert_array_equal(other.matrix, first.matrix)
        assert other.results()["ece"] == pytest.approx(first.results()["ece"], abs=HALF)


def test_bars_turned_off_change_no_figure(records, monkeypatch):
    """Frames are counted separately: a disabled bar does not count."""
    split = tfseg.open_records(records).splits["val"]

    class Starts:
        def __init__(self):
            self.seen = []

        def label(self, images, start):
            self.seen.append(start)
            return np.zeros(images.shape[:3], np.uint8), None

    monkeypatch.setenv("TQDM_DISABLE", "1")
    source = Starts()
    score(source, split, batch_size=2)
    assert source.seen == [0, 2]


def test_memory_does_not_grow_with_the_frames():
    split = tfseg.open_records(ROOT / "records" / "streets").splits["val"]

    class Nothing:
        def label(self, images, start):
            return np.zeros(images.shape[:3], np.uint8), np.ones(images.shape[:3], np.float32)

    def peak(frames):
        tracemalloc.start()
        score(Nothing(), split.only([0] * frames), batch_size=2)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    _, few, many = (peak(frames) for frames in (4, 4, 40))  # the first one warms up
    mask = np.prod(split.sizes[0])
    assert many - few < 36 * mask / 4


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        ({}, "^it has 40x50 pixels; small needs 48 a side"),
        ({"scales": (1.5, 0.5)}, "^it has 40x50 pixels, scaled by 0.5 of that; small needs 48"),
        ({"size": (64, 32)}, "^size=64x32 has 64x32 pixels; small needs 48"),
        ({"tile": 20}, "^tile=20: a tile has 20x20 pixels; small needs 48"),
        ({"tile": 512}, "^it has 40x50 pixels; small needs 48"),
    ],
    ids=["plain", "scales", "size", "tile", "small picture"],
)
def test_what_is_too_small_is_named(looks, message):
    with pytest.raises(UserError, match=message):
        Engine(network(smallest=48), **looks).check_size(40, 50, "it")


def test_a_scale_or_size_that_is_large_enough_will_do():
    Engine(network(smallest=48), scales=(1.2,)).check_size(40, 50, "it")
    Engine(network(smallest=48), size=(48, 64)).check_size(40, 50, "it")


def test_tile_and_size_exclude_each_other():
    with pytest.raises(UserError, match="give size=64x32 or tile=16, not both"):
        Engine(network(), size=(64, 32), tile=16)


MEASURE = """
import resource, sys
import numpy as np
import tfseg
from tfseg.prediction.engine import Engine

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

classes, tile, *sides = map(int, sys.argv[1:])
engine = Engine(tfseg.build("segnet_plain", classes), tile=tile)
for _ in range(2):
    engine.mask(np.zeros((tile, tile, 3), np.uint8))
start = peak()
for side in sides:
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    mask = engine.mask(image)
    assert mask.shape == (side, side) and mask.max() < classes
    del image, mask
    print(peak() - start)
"""


@pytest.mark.slow
def test_memory_of_tiles_does_not_grow_with_the_classes_of_every_pixel():
    """Besides image and mask, it needs little more than the overlap of two rows (peak, MiB)."""
    classes, tile, sides = 19, 512, (2000, 6000)
    command = [sys.executable, "-c", MEASURE, *map(str, (classes, tile, *sides))]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for side, grown in zip(sides, map(float, answer.stdout.split()), strict=True):
        pictures, shared = side**2 * 4 / 2**20, 2 * tile // 4 * side * classes * 2 / 2**20
        print(
            f"{side}²: {grown:.0f} MiB; picture and mask {pictures:.0f}, shared by tiles "
            f"{shared:.0f}, probabilities of all pixels {side**2 * classes * 4 / 2**20:.0f}"
        )
        assert grown < pictures + shared + 200
