"""Augmentations: each against its definition, their table, their sheet."""

import numpy as np
import pytest
from helpers.ramps import SEEDS, Turn, ramp, rng
from helpers.small import ROOT

from tfseg.data.augment import (
    AUGMENTATIONS,
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
from tfseg.errors import UserError
from tfseg.labels import VOID


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
    """A read-only image of one row."""
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
    np.testing.assert_allclose(image[0, 0], color, atol=3)  # a step of hue is 1.4 degrees
    np.testing.assert_array_equal(image[0, 1], gray)


def test_hue_is_drawn_from_both_sides():
    image = pixels((255, 0, 0))
    results = [changed(random_hue, image, seed, hue=30)[0, 0] for seed in range(100)]
    assert 110 < max(green for _, green, _ in results) <= 130  # 30 degrees give half of green
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
    share = 5 / 6 if name == "channel_shuffle" else 1  # one order is the original
    assert abs(hits / 400 - 0.25 * share) < 0.06
    assert all((changed(change, image, s, **{name: 0.0}) == image).all() for s in SEEDS)


def test_blur_keeps_a_flat_image_and_spreads_a_point():
    flat = np.full((20, 20, 3), 90, np.uint8)
    np.testing.assert_array_equal(changed(random_blur, flat, blur=3), flat)
    point = np.zeros((61, 61, 3), np.uint8)
    point[29:32, 29:32] = 255  # with a variance of 2/3
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


COLOURS = [name for name in AUGMENTATIONS if name not in ("rotate", "flip", "pick")]


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


def test_pick_limits_the_changes_of_a_frame(monkeypatch):
    """It picks other changes for other frames; geometry is not affected."""
    calls = []

    def change(name):
        return lambda image, label, rng, **strengths: (calls.append(name), (image, label))[1]

    names = ("flip", "saturation", "hue", "gray", "sepia", "blur")
    for name in names:
        row = AUGMENTATIONS[name]._replace(change=change(name))
        monkeypatch.setitem(AUGMENTATIONS, name, row)
    seen = set()
    for seed in range(30):
        calls.clear()
        pairs = (*((name, 0.5) for name in names), ("pick", 2.0))
        training_frame(*ramp(8, 9), rng(seed), (8, 9), augment=pairs)
        assert calls[0] == "flip"
        assert len(calls) == 3
        seen |= set(calls)
    assert seen == set(names)


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


def test_the_documentation_has_the_table():
    text = (ROOT / "docs" / "how-to" / "augmentation.md").read_text()
    for name, (_, standard, _, unit) in AUGMENTATIONS.items():
        presets = [PRESETS[p].get(name) for p in ("light", "standard", "strong")]
        cells = ["" if number is None else f" {number:g}" for number in (standard, *presets)]
        assert f"| `{name}` | {unit} |{' |'.join(cells)} |" in text


def test_the_sheet_shows_every_change():
    image, label = ramp(48, 64)
    colors = [(index, 0, 0) for index in range(48)]
    sheet = augment_sheet(image, label, colors, parse_augment("light"), columns=3)
    assert sheet.dtype == np.uint8
    # Rows: the frame with its mirror image, brightness, contrast, all together.
    gap, caption, height = 8, 24, 240
    assert sheet.shape == (4 * (caption + height + gap), gap + 3 * (TILE + gap), 3)
    frame, mirrored = (sheet[caption : caption + height, left : left + TILE] for left in (8, 336))
    np.testing.assert_array_equal(frame[:, ::-1], mirrored)
    again = augment_sheet(image, label, colors, parse_augment("light"), columns=3)
    np.testing.assert_array_equal(sheet, again)


def test_fine_changes_are_shown_pixel_for_pixel():
    image = np.zeros((960, 1280, 3), np.uint8)
    image[:, ::2] = 255  # stripes, which a reduced frame would lose
    label = np.full((960, 1280), VOID, np.uint8)
    sheet = augment_sheet(image, label, [(9, 9, 9)], [("noise", 0.02)])
    frame, noisy = (sheet[top : top + 240, 8 : 8 + TILE].astype(float) for top in (24, 296))
    assert frame.std() < 1
    assert noisy.std() > 100
