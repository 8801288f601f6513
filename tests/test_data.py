"""Augmentation, exact pixel by exact pixel, and the batches made from real records."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from helpers.small import ROOT

from tfseg.data.augment import (
    AUGMENTATIONS,
    PADDING,
    PRESETS,
    parse_augment,
    random_blur,
    random_channel_shuffle,
    random_crop,
    random_flip,
    random_gray,
    random_hue,
    random_light,
    random_noise,
    random_saturation,
    random_sepia,
    spell_augment,
    training_frame,
)
from tfseg.data.examples import TILE, augment_sheet
from tfseg.data.pipeline import evaluation_batches, training_batches
from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.reader import open_records

SEEDS = range(20)


def rng(seed=0):
    return np.random.default_rng(seed)


def ramp(height, width):
    """A frame whose pixels say where they are: image (row, column, 0), label the row."""
    rows, columns = np.indices((height, width), np.uint8)
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    image.flags.writeable = rows.flags.writeable = False  # an op that writes into its input fails
    return image, rows


# --- augment.py


@pytest.mark.parametrize("seed", SEEDS)
def test_crop_takes_one_window_of_image_and_label(seed):
    image, label = random_crop(*ramp(50, 70), rng(seed), (20, 30))
    top, left = image[0, 0, :2]
    np.testing.assert_array_equal(image, ramp(50, 70)[0][top : top + 20, left : left + 30])
    np.testing.assert_array_equal(label, image[..., 0])


def test_crops_reach_every_border_of_the_frame():
    corners = [random_crop(*ramp(22, 33), rng(s), (20, 30))[0][0, 0, :2] for s in range(100)]
    assert {tuple(corner) for corner in corners} == {(r, c) for r in range(3) for c in range(4)}


@pytest.mark.parametrize("seed", SEEDS)
def test_scaling_by_two_repeats_every_label_pixel_twice(seed):
    frame, rows = ramp(50, 70)
    _, label = random_crop(frame, rows, rng(seed), (20, 30), (2.0, 2.0))
    np.testing.assert_array_equal(label[:, 0], np.repeat(np.arange(10) + label[0, 0], 2))
    _, columns = random_crop(frame, frame[..., 1], rng(seed), (20, 30), (2.0, 2.0))
    np.testing.assert_array_equal(columns[0], np.repeat(np.arange(15) + columns[0, 0], 2))


@pytest.mark.parametrize("scale", [0.6, 0.77, 1.3, 1.8])
@pytest.mark.parametrize("axis", [0, 1])
def test_scaled_image_and_label_stay_aligned(scale, axis):
    frame, _ = ramp(200, 200)
    for seed in SEEDS:
        image, label = random_crop(frame, frame[..., axis], rng(seed), (90, 110), (scale, scale))
        # The image is the position at the pixel's centre, the label the pixel it falls into.
        difference = image[..., axis].astype(float) - label
        assert np.abs(difference).max() <= 1
        assert abs(difference.mean()) < 0.2


def test_scale_is_drawn_from_its_range():
    spans = []
    for seed in range(200):
        _, label = random_crop(*ramp(200, 200), rng(seed), (100, 100), (0.6, 1.8))
        spans.append(100 / (np.ptp(label) + 1.0))
    assert 0.59 < min(spans) < 0.65
    assert 1.7 < max(spans) < 1.83


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_frame_is_padded_with_void(seed):
    frame, rows = ramp(10, 40)
    image, label = random_crop(frame, rows, rng(seed), (24, 30))
    inside = label != VOID
    assert inside.sum() == 10 * 30
    assert (image[~inside] == PADDING).all()
    top = np.flatnonzero(inside[:, 0])[0]
    left = image[top, 0, 1]
    np.testing.assert_array_equal(image[top : top + 10], frame[:, left : left + 30])
    np.testing.assert_array_equal(label[top : top + 10], rows[:, :30])


def test_a_frame_scaled_below_the_crop_is_padded_too():
    image, label = random_crop(*ramp(40, 40), rng(), (40, 40), (0.5, 0.5))
    assert image.shape == (40, 40, 3)
    assert (label != VOID).sum() == 20 * 20


def test_flip_mirrors_both_or_neither():
    frame, _ = ramp(6, 9)
    columns, mirrored = frame[..., 1], []
    for seed in SEEDS:
        image, label = random_flip(frame, columns, rng(seed))
        np.testing.assert_array_equal(image[..., 1], label)
        np.testing.assert_array_equal(np.sort(label, axis=1), columns)
        mirrored.append(label[0, 0] == 8)
    assert 4 < sum(mirrored) < 16


@pytest.mark.parametrize(("flip", "first"), [(0.0, 0), (1.0, 8)])
def test_flip_has_a_probability(flip, first):
    frame, _ = ramp(6, 9)
    assert {int(random_flip(frame, frame[..., 1], rng(s), flip)[1][0, 0]) for s in SEEDS} == {first}


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.8])
@pytest.mark.parametrize("axis", [0, 1])
def test_turned_image_and_label_stay_aligned(scale, axis):
    frame, _ = ramp(200, 220)
    for seed in SEEDS:
        options = {"size": (60, 70), "scale": (scale, scale), "rotate": 40}
        image, label = random_crop(frame, frame[..., axis], rng(seed), **options)
        inside = image[..., 2] == 0  # padding mixes into the frame's outermost pixels
        difference = image[..., axis].astype(float) - label
        assert np.abs(difference[inside]).max() <= 1
        assert abs(difference[inside].mean()) < 0.1


class Turn:
    """Draws what it is told: the factor, where the window falls, the angle."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def uniform(self, low, high):
        return self.draws.pop(0)

    def integers(self, low, high, endpoint):
        return self.draws.pop(0)


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2), (-90, -1)])
def test_quarter_turns_are_exact(degrees, quarters):
    frame, rows = ramp(70, 80)
    image, label = random_crop(frame, rows, Turn(1.0, 5, 7, degrees), (50, 50), rotate=180)
    np.testing.assert_array_equal(image, np.rot90(frame[5:55, 7:57], quarters))
    np.testing.assert_array_equal(label, np.rot90(rows[5:55, 7:57], quarters))


def test_no_turn_is_the_crop_itself():
    for factor, size in ((1.0, (40, 48)), (2.0, (40, 48)), (0.5, (30, 30))):
        draws = (factor, 3, 4)
        image, label = random_crop(*ramp(70, 80), Turn(*draws), size)
        turned, its_label = random_crop(*ramp(70, 80), Turn(*draws, 1e-9), size, rotate=10)
        np.testing.assert_allclose(turned, image, atol=1)
        np.testing.assert_allclose(its_label, label, atol=1)  # two rows are as near


def test_turned_corners_come_from_the_frame_and_are_void_beyond_it():
    frame = np.full((100, 100, 3), 200, np.uint8)
    label = np.zeros((100, 100), np.uint8)
    _, inner = random_crop(frame, label, Turn(1.0, 30, 30, 45), (40, 40), rotate=90)
    assert (inner == 0).all()
    image, outer = random_crop(frame, label, Turn(1.0, 0, 0, 45), (100, 100), rotate=90)
    assert set(np.unique(outer)) == {0, VOID}
    # An octagon is left of a square that is turned by 45 degrees.
    assert abs((outer == 0).mean() - 2 * (np.sqrt(2) - 1)) < 0.01
    assert (image[0, 0] == PADDING).all()
    assert outer[0, 0] == outer[0, -1] == outer[-1, 0] == outer[-1, -1] == VOID


def test_angles_are_drawn_from_both_sides():
    frame, _ = ramp(200, 200)
    slopes = []
    for seed in range(100):
        _, label = random_crop(frame, frame[..., 0], rng(seed), (100, 100), rotate=30)
        slopes.append(np.degrees(np.arcsin((int(label[50, 90]) - int(label[50, 10])) / 80)))
    assert -31 < min(slopes) < -26
    assert 26 < max(slopes) < 31


def test_brightness_adds_one_rounded_number_within_its_range():
    gray = np.full((4, 4, 3), 100, np.uint8)
    shifts = set()
    for seed in range(300):
        image, _ = random_light(gray, gray[..., 0], rng(seed), brightness=0.1)
        assert len(np.unique(image)) == 1
        shifts.add(int(image[0, 0, 0]) - 100)
    assert min(shifts) < -22
    assert max(shifts) > 22
    assert max(map(abs, shifts)) <= 26  # 0.1 × 255, rounded


def test_contrast_keeps_the_mean_and_clips():
    image = np.zeros((2, 2, 3), np.uint8)
    image[0] = 200
    for seed in SEEDS:
        changed, _ = random_light(image, image[..., 0], rng(seed), contrast=0.5)
        factor = 1 + rng(seed).uniform(-0.5, 0.5)
        assert changed[0, 0, 0] == min(255, round(100 + factor * 100))
        assert changed[1, 0, 0] == max(0, round(100 - factor * 100))


def pixels(*colors):
    """An image of one row; nothing may write into it."""
    image = np.array([colors], np.uint8)
    image.flags.writeable = False
    return image


def changed(change, image, seed=0, **strength):
    return change(image, image[..., 0], rng(seed), **strength)[0]


def test_saturation_blends_with_gray():
    image = pixels((200, 100, 50), (90, 90, 90))
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    for seed in SEEDS:
        factor = 1 + rng(seed).uniform(-0.5, 0.5)
        wanted = luma + factor * (np.array([200, 100, 50]) - luma)
        result = changed(random_saturation, image, seed, saturation=0.5)
        np.testing.assert_allclose(result[0, 0], wanted.clip(0, 255), atol=0.51)
        np.testing.assert_array_equal(result[0, 1], (90, 90, 90))


@pytest.mark.parametrize(
    ("degrees", "color"),
    [(60, (255, 255, 0)), (120, (0, 255, 0)), (-120, (0, 0, 255)), (180, (0, 255, 255))],
)
def test_hue_turns_red_around_the_circle(degrees, color):
    gray = (77, 77, 77)
    image, _ = random_hue(pixels((255, 0, 0), gray), np.zeros((1, 2)), Turn(degrees), hue=180)
    np.testing.assert_allclose(image[0, 0], color, atol=3)  # a byte of hue is 1.4 degrees
    np.testing.assert_array_equal(image[0, 1], gray)


def test_hue_is_drawn_from_both_sides():
    image = pixels((255, 0, 0))
    results = [changed(random_hue, image, seed, hue=30)[0, 0] for seed in range(100)]
    assert 110 < max(green for _, green, _ in results) <= 130  # 30 degrees are half of green
    assert 110 < max(blue for _, _, blue in results) <= 130


def test_gray_is_the_luma_in_three_channels():
    result = changed(random_gray, pixels((200, 100, 50), (255, 255, 255)), gray=1)
    np.testing.assert_array_equal(result[0], [[124] * 3, [255] * 3])


def test_sepia_is_the_classic_matrix():
    result = changed(random_sepia, pixels((100, 50, 25), (0, 0, 0), (255, 255, 255)), sepia=1)
    # 0.393 × 100 + 0.769 × 50 + 0.189 × 25 = 82.5 of red, and so on; white is clipped.
    np.testing.assert_allclose(result[0, 0], (82.475, 73.4, 57.225), atol=0.51)
    np.testing.assert_array_equal(result[0, 1:], [(0, 0, 0), (255, 255, 239)])


def test_channel_shuffle_gives_every_order():
    image = pixels((1, 2, 3), (10, 20, 30))
    results = [changed(random_channel_shuffle, image, s, channel_shuffle=1)[0] for s in range(100)]
    for first, second in results:
        np.testing.assert_array_equal(10 * first, second)
    assert len({tuple(first) for first, _ in results}) == 6
    assert {tuple(sorted(first)) for first, _ in results} == {(1, 2, 3)}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (random_gray, "gray"),
        (random_sepia, "sepia"),
        (random_channel_shuffle, "channel_shuffle"),
    ],
)
def test_a_probability_is_how_often(change, name):
    image = pixels((200, 100, 50))
    hits = sum((changed(change, image, s, **{name: 0.25}) != image).any() for s in range(400))
    share = 5 / 6 if name == "channel_shuffle" else 1  # one order is the old one
    assert abs(hits / 400 - 0.25 * share) < 0.06
    assert all((changed(change, image, s, **{name: 0.0}) == image).all() for s in SEEDS)


def test_blur_keeps_a_flat_image_and_spreads_a_point():
    flat = np.full((20, 20, 3), 90, np.uint8)
    np.testing.assert_array_equal(changed(random_blur, flat, blur=3), flat)
    point = np.zeros((61, 61, 3), np.uint8)
    point[29:32, 29:32] = 255  # a spread of its own of 2/3
    spread, _ = random_blur(point, point[..., 0], Turn(2.0), blur=3)
    weights = spread[..., 0].sum(axis=0) / spread[..., 0].sum()
    assert abs((weights * (np.arange(61) - 30) ** 2).sum() - (2.0**2 + 2 / 3)) < 0.3
    np.testing.assert_array_equal(changed(random_blur, point, blur=0), point)


def test_noise_is_gaussian_of_the_share_of_white():
    image = np.full((200, 200, 3), 128, np.uint8)
    result, _ = random_noise(image, image[..., 0], Noise(0.05), noise=0.1)
    noise = result.astype(float) - 128
    assert abs(noise.mean()) < 0.2
    assert abs(noise.std() - 0.05 * 255) < 0.2
    assert abs((np.abs(noise) < 0.05 * 255).mean() - 0.683) < 0.03
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(changed(random_noise, image, noise=0), image)


class Noise(Turn):
    def bytes(self, count):
        return rng().bytes(count)


COLOURS = [name for name in AUGMENTATIONS if name not in ("rotate", "flip")]


@pytest.mark.parametrize("name", COLOURS)
def test_colour_leaves_the_label_alone(name):
    image, rows = ramp(8, 9)
    most = AUGMENTATIONS[name].most
    result, label = AUGMENTATIONS[name].change(image, rows, rng(), **{name: most})
    assert result.dtype == np.uint8
    assert result.shape == image.shape
    assert (result != image).any()
    np.testing.assert_array_equal(label, ramp(8, 9)[1])
    np.testing.assert_array_equal(image, ramp(8, 9)[0])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_seed_repeats_a_change(name):
    augment = ((name, 1.0),)
    results = [training_frame(*ramp(30, 40), rng(s), (20, 20), augment=augment) for s in (3, 3, 4)]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert (results[0][0] != results[2][0]).any()


def test_a_frame_is_cropped_and_then_changed_in_the_order_of_the_table():
    frame, size, scale = ramp(50, 60), (30, 40), (0.8, 1.4)
    for seed in SEEDS:
        image, label = training_frame(*frame, rng(seed), size, scale, parse_augment("light"))
        draws = rng(seed)
        wanted = random_crop(*frame, draws, size, scale)
        wanted = random_light(*random_flip(*wanted, draws), draws, 0.2, 0.2)
        np.testing.assert_array_equal(image, wanted[0])
        np.testing.assert_array_equal(label, wanted[1])


def test_no_augmentation_is_the_crop_alone():
    image, label = training_frame(*ramp(30, 40), rng(), (30, 40))
    np.testing.assert_array_equal(image, ramp(30, 40)[0])
    np.testing.assert_array_equal(label, ramp(30, 40)[1])


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("none", ()),
        ("light", (("flip", 0.5), ("brightness", 0.2), ("contrast", 0.2))),
        ("flip,rotate=15,blur=1.5", (("rotate", 15.0), ("flip", 0.5), ("blur", 1.5))),
        ("light,flip=0,contrast=0.4", (("brightness", 0.2), ("contrast", 0.4))),
        ("gray", (("gray", 0.1),)),
        ("noise=0", ()),
    ],
)
def test_augmentations_are_read_in_the_order_of_the_table(text, pairs):
    assert parse_augment(text) == pairs


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_can_be_spelt_out(preset):
    pairs = parse_augment(preset)
    assert dict(pairs) == PRESETS[preset]
    assert parse_augment(spell_augment(pairs)) == pairs
    assert all(0 < strength <= AUGMENTATIONS[name].most for name, strength in pairs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strnog", "unknown augmentation 'strnog'; did you mean strong"),
        ("flip,rotat=3", "unknown augmentation 'rotat'; did you mean rotate"),
        ("light=2", "unknown augmentation 'light'"),
        ("flip,", "unknown augmentation ''; there are: blur"),
        ("rotate=200", "rotate=200: wanted degrees, either way, a number from 0 to 180"),
        ("gray=-0.1", "gray=-0.1: wanted probability, a number from 0 to 1"),
        ("noise=much", "noise=much: wanted largest sigma, share of white, a number from 0 to 1"),
        ("hue=nan", "hue=nan: wanted degrees"),
        ("blur=", "blur=: wanted largest sigma, pixels"),
    ],
)
def test_augmentations_that_are_off_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_augment(text)


def test_the_readme_has_the_table():
    text = (ROOT / "README.md").read_text()
    for name, (_, standard, _, unit) in AUGMENTATIONS.items():
        presets = [PRESETS[p].get(name) for p in ("light", "standard", "strong")]
        cells = ["" if number is None else f" {number:g}" for number in (standard, *presets)]
        assert f"| `{name}` | {unit} |{' |'.join(cells)} |" in text


# --- examples.py


def test_the_sheet_shows_every_change():
    image, label = ramp(48, 64)
    colors = [(index, 0, 0) for index in range(48)]
    sheet = augment_sheet(image, label, colors, parse_augment("light"), columns=3)
    assert sheet.dtype == np.uint8
    # The frame beside its mirror image, brightness, contrast, all together.
    gap, caption, height = 8, 24, 240
    assert sheet.shape == (4 * (caption + height + gap), gap + 3 * (TILE + gap), 3)
    frame, mirrored = (sheet[caption : caption + height, left : left + TILE] for left in (8, 336))
    np.testing.assert_array_equal(frame[:, ::-1], mirrored)
    again = augment_sheet(image, label, colors, parse_augment("light"), columns=3)
    np.testing.assert_array_equal(sheet, again)


def test_fine_changes_are_shown_pixel_for_pixel():
    image = np.zeros((960, 1280, 3), np.uint8)
    image[:, ::2] = 255  # stripes, which a reduced frame has not
    label = np.full((960, 1280), VOID, np.uint8)
    sheet = augment_sheet(image, label, [(9, 9, 9)], [("noise", 0.02)])
    frame, noisy = (sheet[top : top + 240, 8 : 8 + TILE].astype(float) for top in (24, 296))
    assert frame.std() < 1
    assert noisy.std() > 100


# --- pipeline.py, on records of both formats


def draw(index, size):
    """Noise with a colour of its own; black and class 0 at the end, so that bytes end in zeros."""
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


def take(dataset, count):
    return [(image.numpy(), label.numpy()) for image, label in dataset.take(count)]


def assert_equal_batches(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine[0], other[0])
        np.testing.assert_array_equal(mine[1], other[1])


@pytest.fixture(scope="module")
def expected(splits):
    """Eight batches (three epochs and more) from TFRecord, without a break and without a cache."""
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
    assert not list(tmp_path.glob("cache/*"))  # while the frames are in use: the file has no name


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
    split.sizes = [(10**6, 10**6)]  # as it were
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
