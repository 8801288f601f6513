"""Image files in, PNGs out. Any problem of a file is a 4xx response with one line."""

import io
from contextlib import contextmanager

import cv2
import numpy as np
from fastapi import HTTPException
from PIL import Image

from tfseg.errors import UserError
from tfseg.images import open_image
from tfseg.visualize import colorize, overlay, write_mask, write_picture

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
ENCODED = ("JPEG", "PNG")  # formats that the graph of the signature `encoded` decodes
NAME = "the image"


def read_picture(data, max_pixels, size=None, pixel_range=None):
    """(RGB pixels uint8 (H, W, 3), upright, scaled to `size` (H, W) if given; original (H, W)).

    Raises `HTTPException`.
    """
    with _refused():
        pixels = _opened(data, max_pixels, FORMATS).pixels(pixel_range)
    own = pixels.shape[:2]
    if size and size != own:
        picture = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR)
        pixels = np.asarray(picture)
    return pixels, own


def count_pixels(data, max_pixels):
    """The number of pixels of an image for `encoded`, from its header. Raises `HTTPException`."""
    with _refused():
        height, width = _opened(data, max_pixels, ENCODED).size
    return width * height


def for_graph(data, max_pixels, pixel_range):
    """A file that `encoded` can read: turned and CMYK images become upright RGB PNGs.

    The graph does not read EXIF. Raises `HTTPException`.
    """
    with _refused():
        image = _opened(data, max_pixels, ENCODED)
        if image.orientation == 1 and image.mode != "CMYK":
            return data
        return cv2.imencode(".png", image.pixels(pixel_range)[..., ::-1])[1].tobytes()


@contextmanager
def _refused():
    try:
        yield
    except UserError as error:
        raise HTTPException(400, error.typed) from None


def _opened(data, max_pixels, formats):
    """Opens an image and reads its header only."""
    image = open_image(data, name=NAME, formats=formats, max_pixels=None)
    height, width = image.size
    if width * height > max_pixels:
        raise HTTPException(
            413, f"the image has {width}x{height} pixels; this server takes {max_pixels}"
        )
    return image


def mask_png(mask, own, colors):
    """A palette PNG in the image's original (H, W): class indices in class colours.

    For a multilabel mask (H, W, K), a pixel's bits are its classes, the first in the lowest.
    """
    if mask.ndim == 3:
        sets = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
        colors = colorize(sets[None, :, : len(colors)], colors)[0]
        mask = np.packbits(mask, axis=2, bitorder="little")[..., 0]
    png = io.BytesIO()
    write_mask(png, _at(mask, own), colors)
    return png.getvalue()


def class_png(mask, number, own):
    """A PNG of one class: 255 for its pixels, else 0."""
    chosen = mask[..., number] == 1 if mask.ndim == 3 else mask == number
    png = io.BytesIO()
    write_picture(png, _at(np.where(chosen, np.uint8(255), np.uint8(0)), own))
    return png.getvalue()


def overlay_png(image, mask, own, colors):
    """A PNG of the mask's colours over the image."""
    png = io.BytesIO()
    if image.shape[:2] != own:
        image = np.asarray(Image.fromarray(image).resize(own[::-1], Image.Resampling.BILINEAR))
    if mask.ndim == 3:
        mask = np.stack([_at(np.ascontiguousarray(one), own) for one in np.moveaxis(mask, 2, 0)], 2)
    else:
        mask = _at(mask, own)
    write_picture(png, overlay(image, mask, colors))
    return png.getvalue()


def _at(mask, own):
    if mask.shape == own:
        return mask
    return np.asarray(Image.fromarray(mask).resize(own[::-1], Image.Resampling.NEAREST))
