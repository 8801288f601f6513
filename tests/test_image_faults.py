"""Numbers and files that readers often misread, and damage of every kind."""

import numpy as np
import pytest
from helpers.image_files import packed_tiff, png_that_says, saved, smooth, tiff
from PIL import Image

from tfseg.errors import UserError
from tfseg.images import image_size, open_image, pillow_pixels, read_image
from tfseg.parsing import value_range
from tfseg.records.example import decode_file

RGB = smooth(20, 30)
GRAY = RGB[..., 0]


def test_a_phones_jpeg_with_others_behind_it_is_kept_as_it_is():
    data = saved(RGB, "MPO", save_all=True, append_images=[Image.fromarray(255 - RGB)])
    file = open_image(data)
    assert (file.format, file.keeps) == ("JPEG", True)
    np.testing.assert_array_equal(file.pixels(), decode_file(data))


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (GRAY.astype(np.int16) - 128, "from -128 to"),
        ((GRAY.astype(np.int16) - 128).astype(np.int8), "int8 values from -128 to"),
        ((RGB.astype(np.int16) - 128).astype(np.int8), "int8 values from -128 to"),
        (GRAY.astype(np.uint32) + 4_000_000_000, r"uint32 values from 4e\+09"),
        (np.full((20, 30), -5, np.float32), "floats from -5 to -5"),
        (GRAY.astype(np.float64) * 1e6, "floats from 0 to 2.55e.08"),
    ],
    ids=["int16", "int8", "int8 RGB", "uint32", "one level", "large"],
)
def test_numbers_are_what_they_are_and_the_range_that_is_named_can_be_given(values, seen):
    with pytest.raises(UserError, match=seen) as refused:
        read_image(tiff(values))
    low, high = value_range(refused.value.typed.rpartition("--pixel_range=")[2])
    assert low <= values.min()
    assert high >= values.max()
    shown = np.rint((values.astype(float) - low) * (255 / (high - low)))
    shown = shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_image(tiff(values), (low, high)), shown)


@pytest.mark.parametrize(
    ("values", "extra", "message"),
    [
        (
            GRAY.astype(np.float16),
            (),
            r"holds 16-bit floats \(L\), which is not supported",
        ),
        (GRAY.astype(np.uint64), (), r"holds 64-bit unsigned numbers \(L\)"),
        (RGB[..., :2].astype(np.uint16), (2,), r"holds 16-bit unsigned numbers \(LA\)"),
        (RGB[..., :2].astype(np.float32), (2,), r"holds 32-bit floats \(LA\)"),
    ],
    ids=["float16", "uint64", "16-bit LA", "float LA"],
)
def test_numbers_that_cannot_be_read_are_named_and_not_called_damaged(values, extra, message):
    with pytest.raises(UserError, match=message):
        read_image(tiff(values, extra=extra))


def test_a_tiff_of_twelve_bits_is_as_bright_as_it_says():
    values = np.linspace(0, 4095, 600).astype(np.uint16).reshape(20, 30)
    pixels = read_image(packed_tiff(values))
    np.testing.assert_array_equal(pixels[..., 0], np.rint(values * (255 / 4095)))
    np.testing.assert_array_equal(read_image(packed_tiff(values), (0, 99))[1:], 255)
    with pytest.raises(
        UserError, match=r"holds 14-bit unsigned numbers \(L\), which is not supported"
    ):
        read_image(packed_tiff(values, bits=14))


BASES = {
    "PNG": saved(RGB, "PNG"),
    "JPEG": saved(RGB, "JPEG"),
    "WebP": saved(RGB, "WEBP"),
    "BMP": saved(RGB, "BMP"),
    "GIF": saved(GRAY, "GIF"),
    "TIFF": tiff(RGB),
    "LZW": saved(RGB, "TIFF", compression="tiff_lzw"),
    "16-bit TIFF": tiff(RGB.astype(np.uint16) * 257),
    "float TIFF": tiff(RGB.astype(np.float32)),
}


def pixels_or_line(data):
    try:
        return read_image(data, (0, 65535))
    except UserError as error:
        return str(error)


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_of_any_kind_ends_in_one_line(kind, capfd):
    rng = np.random.default_rng(0)
    base, read = BASES[kind], 0
    for turn in range(150):
        data = bytearray(base[: rng.integers(1, len(base))] if turn % 3 == 0 else base)
        most = min(len(data), 400 if turn % 2 else len(data))
        for place in rng.integers(0, most, rng.integers(1, 6)):
            data[place] = rng.integers(256)
        found = pixels_or_line(bytes(data))
        if isinstance(found, str):
            assert "\n" not in found
            assert "; " in found
        else:
            read += 1
            assert (found.dtype, found.shape[2:]) == (np.uint8, (3,))
    assert read < 150
    assert kind == "LZW" or not capfd.readouterr().err  # libtiff itself prints a line about it


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_size_comes_from_the_header(kind, orientation, tmp_path):
    path = tmp_path / "x.png"
    turns = {"PNG": "PNG", "JPEG": "JPEG", "WebP": "WEBP", "LZW": "TIFF"}
    turn = orientation == 6 and kind in turns
    path.write_bytes(saved(RGB, turns[kind], orientation) if turn else BASES[kind])
    assert image_size(path) == ((30, 20) if turn else (20, 30))
    path.write_bytes(png_that_says(60_000, 50_000))  # its pixels are never decoded
    with pytest.raises(UserError, match=r"x\.png has 50000x60000 pixels; the most is 178,956,970"):
        image_size(path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.png is damaged or not an image: .*empty.*; replace"):
        image_size(path)


def test_an_image_of_pillows_is_turned_upright_and_damage_is_said(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(saved(RGB, "PNG", 6))
    np.testing.assert_array_equal(pillow_pixels(Image.open(path)), np.rot90(RGB, -1))
    path.write_bytes(saved(RGB, "JPEG", quality=95)[:-100])
    with pytest.raises(UserError, match=r"the image is damaged or not an image: .*truncated"):
        pillow_pixels(Image.open(path))


def test_what_may_not_be_read_is_said(tmp_path):
    path = tmp_path / "x.png"
    path.symlink_to(path)
    with pytest.raises(UserError, match=r"x\.png cannot be read: Too many levels of"):
        read_image(path)
    with pytest.raises(UserError, match=r"x\.png cannot be read: Too many levels"):
        image_size(path)
