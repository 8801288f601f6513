"""Image files of every kind over HTTP: `/segment` and `encoded` see the pixels of `predict`."""

import numpy as np
import pytest
from helpers.image_files import saved, smooth, tiff
from helpers.serving import b64, error_of, pixels_of
from PIL import Image

from tfseg.images import read_image

RGB = smooth(48, 64)
DEEP = (RGB[..., 0].astype(np.uint16) * 257).astype(np.uint16)

FILES = {
    "PNG on its side": saved(RGB, "PNG", orientation=6),
    "JPEG on its side": saved(RGB, "JPEG", orientation=8),
    "mirrored JPEG": saved(RGB, "JPEG", orientation=2),
    "WebP on its side": saved(RGB, "WEBP", orientation=6),
    "TIFF on its side": saved(RGB, "TIFF", orientation=6),
    "CMYK JPEG": saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    "16 bits": saved(DEEP, "PNG"),
    "16-bit TIFF": tiff(DEEP),
    "LA": saved(Image.fromarray(RGB).convert("LA"), "PNG"),
    "a palette": saved(Image.fromarray(RGB).convert("P"), "PNG"),
}


@pytest.mark.parametrize("kind", FILES)
def test_segment_and_encoded_see_the_same_pixels(server, kind):
    data = FILES[kind]
    upright = saved(read_image(data), "PNG")
    wanted = pixels_of(server.ask("POST", "/segment", upright)[2])
    np.testing.assert_array_equal(pixels_of(server.ask("POST", "/segment", data)[2]), wanted)
    if "TIFF" in kind or "WebP" in kind:
        return  # the graph cannot decode it
    request = {"signature_name": "encoded", "instances": [b64(data)]}
    status, answer = server.predict(request)
    assert status == 200, answer
    np.testing.assert_array_equal(pixels_of(answer["predictions"][0].encode("latin-1")), wanted)


REFUSED = {
    "floats": (tiff(RGB.astype(np.float32)), "the image holds floats from"),
    "four bands": (tiff(smooth(48, 64, 4)), "the image has 4 bands; wanted gray or RGB"),
    "cut": (saved(RGB, "PNG")[:900], "the image is damaged or not an image: "),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_elsewhere_is_refused_here(server, kind):
    data, message = REFUSED[kind]
    status, line = error_of(server.ask("POST", "/segment", data))
    assert status == 400
    assert message in line
