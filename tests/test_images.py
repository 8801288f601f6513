"""Every kind of image file: its pixels, or the one-line refusal."""

import os
import pickle

import cv2
import numpy as np
import pytest
from helpers.image_files import png_that_says, saved, smooth, tiff
from PIL import Image, ImageOps

from tfseg.errors import UserError
from tfseg.images import check_label_format, image_size, open_image, read_image
from tfseg.records.example import decode_file

RGB = smooth(20, 30)
GRAY16 = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
RGB16 = np.stack([GRAY16, GRAY16[::-1], GRAY16[:, ::-1]], axis=-1)


def png16(pixels):
    return cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def gray(pixels):
    return np.repeat(pixels[..., None], 3, axis=-1)


SIXTEEN = {
    "gray PNG": (png16(GRAY16), gray(GRAY16)),
    "RGB PNG": (png16(RGB16), RGB16),
    "RGBA PNG": (cv2.imencode(".png", np.dstack([RGB16[..., ::-1], GRAY16]))[1].tobytes(), RGB16),
    "gray TIFF": (tiff(GRAY16), gray(GRAY16)),
    "gray big-endian TIFF": (
        saved(Image.frombytes("I;16B", (30, 20), GRAY16.astype(">u2").tobytes()), "TIFF"),
        gray(GRAY16),
    ),
    "RGB TIFF": (tiff(RGB16), RGB16),
    "RGBA TIFF": (tiff(np.dstack([RGB16, GRAY16]), extra=(2,)), RGB16),
}


def test_damaged_bytes_are_called_the_image():
    with pytest.raises(UserError, match=r"^the image is damaged"):
        read_image(saved(RGB, "PNG")[:200])


@pytest.mark.parametrize("kind", SIXTEEN)
def test_sixteen_bits_keep_their_upper_ones_or_are_mapped_by_a_range(kind):
    data, values = SIXTEEN[kind]
    pixels = read_image(data)
    np.testing.assert_array_equal(pixels, values >> 8)
    assert abs(pixels - values / 257).max() < 1
    if "PNG" in kind:
        np.testing.assert_array_equal(pixels, decode_file(data))
    wanted = np.rint((values.clip(1000, 5000) - 1000.0) * (255 / 4000))
    np.testing.assert_array_equal(read_image(data, (1000, 5000)), wanted)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_floats_and_wide_integers_need_a_range(channels, dtype, tmp_path):
    values = (np.arange(600 * channels).reshape(20, 30, channels) * 2).astype(dtype)
    path = tmp_path / "depth.tif"
    path.write_bytes(tiff(values))
    with pytest.raises(
        UserError, match=r"depth.tif holds .*0 to .*98; state which .*pixel_range=0,"
    ):
        read_image(path)
    pixels = read_image(path, (0, 1000))
    wanted = np.rint(values.clip(0, 1000) * 0.255)
    np.testing.assert_array_equal(pixels, np.broadcast_to(wanted, pixels.shape))


@pytest.mark.parametrize("hole", [np.nan, np.inf])
@pytest.mark.parametrize("pixel_range", [None, (0, 1)])
def test_no_number_is_no_pixel(hole, pixel_range):
    values = np.full((20, 30), 0.5, np.float32)
    values[3, 4] = hole
    with pytest.raises(UserError, match="holds 1 pixels that are NaN or infinite"):
        read_image(tiff(values), pixel_range)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_eight_bits_are_what_a_viewer_shows(mode, kind):
    image = Image.fromarray(RGB).convert(mode)
    try:
        data = saved(image, kind)
    except OSError:
        pytest.skip(f"{kind} has no {mode}")
    pixels = read_image(data, pixel_range=(0, 4095))  # ignored for 8 bits
    shown = image.convert("RGB")
    if kind not in ("JPEG", "WEBP"):
        np.testing.assert_array_equal(pixels, shown)
    assert abs(pixels.astype(int) - np.asarray(shown)).mean() < 16
    if kind == "PNG":
        np.testing.assert_array_equal(pixels, decode_file(data))
    opened = open_image(data)
    assert opened.alpha == (mode in ("LA", "PA", "RGBA") and kind in ("PNG", "TIFF"))
    assert opened.size == (20, 30)


def test_a_palette_with_transparency_has_alpha():
    data = saved(Image.fromarray(RGB).convert("P"), "PNG", transparency=3)
    assert open_image(data).alpha
    np.testing.assert_array_equal(read_image(data), decode_file(data))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_are_turned_upright(kind, orientation):
    data = saved(RGB, kind, orientation)
    upright = read_image(saved(RGB, kind))
    picture = Image.fromarray(upright)
    picture.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_image(data), wanted)
    opened = open_image(data)
    assert opened.size == wanted.shape[:2]
    assert not opened.keeps


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(
    "values", [GRAY16, RGB16, GRAY16.astype(np.float32), RGB16.astype(np.float32)]
)
def test_deep_tiffs_are_turned_upright_too(values, orientation):
    data = tiff(values, orientation)
    picture = Image.fromarray(read_image(tiff(values), (0, 65535)))
    picture.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_image(data, (0, 65535)), wanted)
    assert open_image(data).size == wanted.shape[:2]


@pytest.mark.parametrize("size", [(64, 64), (33, 47), (101, 77), (7, 5), (1, 1)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_records_decode_jpeg_to_the_last_level(size, subsampling, progressive):
    options = {"subsampling": subsampling, "progressive": progressive, "quality": 85}
    data = saved(smooth(*size), "JPEG", **options)
    np.testing.assert_array_equal(decode_file(data), read_image(data))
    data = saved(smooth(*size)[..., 0], "JPEG", progressive=progressive)
    np.testing.assert_array_equal(decode_file(data), read_image(data))


def written(data):
    return lambda path: path.write_bytes(data)


REFUSED = {
    "none": (lambda path: None, r"image .* does not exist; check its name"),
    "empty": (written(b""), r"is damaged or not an image: it is empty; replace the file"),
    "text": (
        written(b"no image"),
        r"is damaged or not an image: its format is not supported .*; replace",
    ),
    "a folder": (lambda path: path.mkdir(), r"is a folder, not an image; replace the file"),
    "a pipe": (os.mkfifo, r"is not a regular file; replace the file"),
    "cut PNG": (
        written(saved(RGB, "PNG")[:300]),
        r"is damaged or not an image: .*; replace the file",
    ),
    "a cut end": (written(saved(RGB, "PNG")[:-12]), r"is damaged or not an image: .*; replace"),
    "cut JPEG": (written(saved(RGB, "JPEG")[:500]), r"is damaged or not an image: .*; replace"),
    "cut WebP": (written(saved(RGB, "WEBP")[:80]), r"is damaged or not an image: .*; replace"),
    "cut TIFF": (written(tiff(RGB)[:300]), r"is damaged or not an image: .*; replace"),
    "cut 16-bit TIFF": (written(tiff(RGB16)[:900]), r"is damaged or not an image: .*; replace"),
    "cut 16-bit PNG": (written(png16(RGB16)[:300]), r"is damaged or not an image: .*; replace"),
    "four bands": (written(tiff(smooth(20, 30, 4))), r"has 4 bands; wanted gray or RGB"),
    "four bands, not alpha": (
        written(tiff(smooth(20, 30, 4), extra=(0,))),
        r"has 4 bands; wanted gray or RGB",
    ),
    "seven bands": (
        written(tiff(np.zeros((20, 30, 7), np.uint16), extra=(0,) * 4)),
        r"has 7 bands; wanted gray or RGB",
    ),
    "two bands": (written(tiff(smooth(20, 30, 2))), r"has 2 bands; wanted gray or RGB"),
    "pages": (written(tiff(RGB, pages=2)), r"holds several images \(pages\); save the one"),
    "animation": (
        written(saved(RGB, "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)])),
        r"holds 2 images; save the one you want",
    ),
    "LAB": (written(saved(Image.fromarray(RGB).convert("LAB"), "TIFF")), r"is in LAB colours"),
    "huge": (written(png_that_says(60_000, 60_000)), r"has 60000x60000 pixels; the most is"),
    "huge in vain": (
        written(png_that_says(9_000, 9_000)),
        r"is damaged or not an image: .*; replace",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_image_is_refused_in_one_line(kind, tmp_path, capfd):
    make, message = REFUSED[kind]
    path = tmp_path / "x.png"
    make(path)
    with pytest.raises(UserError, match=message) as refused:
        read_image(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert pickle.loads(pickle.dumps(refused.value)).typed == refused.value.typed
    assert not capfd.readouterr().err


LABELS = {
    "1": (saved(Image.fromarray(RGB[..., 0] > 99), "PNG"), (RGB[..., 0] > 99).astype(np.uint8)),
    "L": (saved(RGB[..., 0], "PNG"), RGB[..., 0]),
    "LA": (saved(Image.fromarray(RGB[..., :2].copy(), "LA"), "PNG"), RGB[..., :2]),
    "P": (saved(Image.fromarray(RGB[..., 0]).convert("P"), "PNG"), RGB[..., 0]),
    "RGB": (saved(RGB, "PNG"), RGB),
    "RGBA": (saved(np.dstack([RGB, RGB[..., 0]]), "PNG"), np.dstack([RGB, RGB[..., 0]])),
    "I;16": (png16(GRAY16), GRAY16),
    "RGB;16": (png16(RGB16), RGB16),
    "I": (tiff(GRAY16.astype(np.int32)), GRAY16.astype(np.int32)),
}


@pytest.mark.parametrize("mode", LABELS)
def test_labels_are_read_as_they_lie_in_the_file(mode, tmp_path):
    data, wanted = LABELS[mode]
    (tmp_path / "label.png").write_bytes(data)
    file = open_image(tmp_path / "label.png")
    check_label_format(file)
    values = file.stored()
    assert file.mode == mode
    assert values.dtype == wanted.dtype
    np.testing.assert_array_equal(values, wanted)
    assert image_size(tmp_path / "label.png") == (20, 30)


def test_a_label_that_is_a_jpeg_is_refused(tmp_path):
    (tmp_path / "label.png").write_bytes(saved(RGB, "JPEG"))
    with pytest.raises(UserError, match="is a JPEG, which smears label values"):
        check_label_format(open_image(tmp_path / "label.png"))
