"""Images of masks, compared by pixel."""

import numpy as np
import pytest
from PIL import Image

from tfseg import visualize

COLORS = ((128, 64, 128), (0, 130, 180), (220, 20, 60))
CLASSES = ("road", "sky", "person")
MASK = np.array([[0, 1], [2, 255]], np.uint8)


def test_colorize_shows_void_as_black():
    picture = visualize.colorize(MASK, COLORS)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[list(COLORS[0]), list(COLORS[1])], [list(COLORS[2]), [0, 0, 0]]]


def test_overlay_mixes_colours_and_leaves_void_alone():
    image = np.full((2, 2, 3), 100, np.uint8)
    picture = visualize.overlay(image, MASK, COLORS, alpha=0.25)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [107, 91, 107]
    assert picture[1, 1].tolist() == [100, 100, 100]


def test_write_mask_keeps_indices_and_shows_colours(tmp_path):
    path = tmp_path / "mask.png"
    visualize.write_mask(path, MASK, COLORS)
    with Image.open(path) as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), MASK)
        np.testing.assert_array_equal(
            np.asarray(picture.convert("RGB")), visualize.colorize(MASK, COLORS)
        )


def halves(height, width):
    """(image, label with road left and sky right, mask with only person)."""
    truth = np.zeros((height, width), np.uint8)
    truth[:, width // 2 :] = 1
    return np.full((height, width, 3), 77, np.uint8), truth, np.full_like(truth, 2)


@pytest.mark.parametrize(
    ("size", "panel"),
    [((144, 192), (288, 384)), ((360, 480), (360, 480)), ((1024, 2048), (256, 512))],
)
def test_triptych_puts_three_panels_over_a_legend(size, panel):
    """Small frames are enlarged, large ones reduced, by an integer factor."""
    picture = visualize.triptych(*halves(*size), CLASSES, COLORS)
    height, width = panel
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 3 * width + 4 * 8
    row = 8 * (3 * width // visualize.LETTERS) // 5
    assert picture.shape[0] >= height + 2 * row + 8  # caption, panels, legend
    panels = [picture[row:][:height, 8 + i * (width + 8) :][:, :width] for i in range(3)]
    assert (panels[0] == 77).all()
    assert (panels[1][:, : width // 2] == COLORS[0]).all()
    assert (panels[1][:, width // 2 :] == COLORS[1]).all()
    assert (panels[2] == COLORS[2]).all()
    assert (picture[:row] < 128).any()  # captions above


@pytest.mark.parametrize("title", ["0001TP_008550", "a/very/long/" + 20 * "name-of-a-frame-"])
def test_a_triptych_bears_its_title_where_it_is_read_at_a_cards_size(title):
    plain = visualize.triptych(*halves(360, 480), CLASSES, COLORS)
    picture = visualize.triptych(*halves(360, 480), CLASSES, COLORS, title)
    above = len(picture) - len(plain)
    np.testing.assert_array_equal(picture[above:], plain)
    inked = np.flatnonzero((picture[:above] < 128).any(axis=(1, 2)))
    card = 335 / picture.shape[1]  # TensorBoard's are 335 pixels wide
    assert (np.ptp(inked) + 1) * card > (7 if len(title) < 30 else 3)
    assert (picture[:above, -4:] == 255).all()


def test_a_triptychs_legend_has_the_classes_that_are_there():
    picture = visualize.triptych(*halves(360, 480), (*CLASSES, "tram"), (*COLORS, (1, 2, 3)))
    assert not (picture == (1, 2, 3)).all(axis=2).any()


def test_a_frame_whose_size_is_no_multiple_of_the_shrinking():
    assert visualize.triptych(*halves(375, 1242), CLASSES, COLORS).shape[1] == 3 * 621 + 4 * 8
    assert visualize.triptych(*halves(701, 1301), CLASSES, COLORS).shape[1] == 3 * 434 + 4 * 8


@pytest.mark.parametrize("count", [2, 19, 150])
def test_legend_shows_every_colour_inside_its_width(count):
    colors = [(7 * i % 256, 200, i) for i in range(count)]
    strip = visualize.legend([f"class number {i}" for i in range(count)], colors, 800)
    assert strip.shape[1] == 800
    shown = {tuple(pixel) for pixel in strip.reshape(-1, 3).tolist()}
    assert shown.issuperset(colors)
    assert (strip[:, -4:] == 255).all()  # no name runs out of the image


@pytest.mark.parametrize("count", [2, 11, 19])
def test_confusion_picture_has_an_empty_margin_and_grows_with_the_classes(count):
    matrix = np.full((count, count), 3) + 500 * np.eye(count, dtype=np.int64)
    matrix[1] = 0  # a class without a pixel
    names = [f"a rather long name {i}" for i in range(count)]
    picture = visualize.confusion_picture(matrix, names)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[0] > 30 * count
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    assert all((edge == 255).all() for edge in edges)  # nothing is cut off
