"""Crops, scales, flips and rotations, exact in every pixel."""

import numpy as np
import pytest
from helpers.ramps import SEEDS, Turn, ramp, rng

from tfseg.data.augment import PADDING, random_crop, random_flip, training_frame
from tfseg.labels import VOID


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
        # The image encodes the position of the pixel's centre, the label its pixel.
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
        inside = image[..., 2] == 0  # padding blends into the frame's outermost pixels
        difference = image[..., axis].astype(float) - label
        assert np.abs(difference[inside]).max() <= 1
        assert abs(difference[inside].mean()) < 0.1


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
        np.testing.assert_allclose(its_label, label, atol=1)  # two rows are equally near


def test_turned_corners_come_from_the_frame_and_are_void_beyond_it():
    frame = np.full((100, 100, 3), 200, np.uint8)
    label = np.zeros((100, 100), np.uint8)
    _, inner = random_crop(frame, label, Turn(1.0, 30, 30, 45), (40, 40), rotate=90)
    assert (inner == 0).all()
    image, outer = random_crop(frame, label, Turn(1.0, 0, 0, 45), (100, 100), rotate=90)
    assert set(np.unique(outer)) == {0, VOID}
    # A square rotated by 45 degrees leaves an octagon.
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


def test_a_crop_shows_the_class_that_is_asked_for():
    """A spot of 1 % of the frame is in every crop that must show it, and in few others."""
    label = np.zeros((100, 100), np.uint8)
    label[:, 50:] = 1
    label[80:90, 10:20] = 2
    image = np.repeat(label[..., None], 3, axis=2)

    def crops(shown):
        every = (np.random.default_rng(seed) for seed in range(100))
        return [training_frame(image, label, rng, (60, 60), shown=shown)[1] for rng in every]

    assert np.mean([2 in crop for crop in crops(None)]) < 0.5
    assert all(2 in crop for crop in crops(2))
    filled = [np.bincount(crop.ravel()).max() / crop.size for crop in crops(2)]
    assert np.mean([share <= 0.75 for share in filled]) > 0.9
    assert crops(3)[0].shape == (60, 60)  # a class that the frame lacks
