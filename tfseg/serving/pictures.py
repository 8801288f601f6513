"""Picture files in, PNGs out. Whatever is wrong with a file is a 4xx in one line."""

import io

import numpy as np
from fastapi import HTTPException
from PIL import Image, ImageOps

from tfseg.visualize import overlay, write_mask, write_picture

FORMATS = ("JPEG", "PNG", "WEBP")
ENCODED = ("JPEG", "PNG")  # what the signature `encoded` decodes in its graph


def read_picture(data, max_pixels, size=None):
    """RGB pixels uint8 (H, W, 3), upright as the EXIF says, scaled to `size` (H, W) if given.

    Also returns the picture's own (H, W). Raises `HTTPException`.
    """
    picture = _opened(data, max_pixels, FORMATS)
    try:
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    except Exception as error:  # Pillow's decoders throw whatever damaged bytes lead them to
        raise HTTPException(400, f"the image is damaged: {_line(error)}") from None
    own = (picture.height, picture.width)
    if size and size != own:
        picture = picture.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture), own


def count_pixels(data, max_pixels):
    """Pixels of a picture for `encoded`, from its header alone. Raises `HTTPException`."""
    picture = _opened(data, max_pixels, ENCODED)
    return picture.width * picture.height


def _opened(data, max_pixels, formats):
    """The picture with its header read and nothing decoded."""
    try:
        picture = Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError:  # more than Pillow itself allows
        raise HTTPException(
            413, f"the image is huge; this server takes {max_pixels} pixels"
        ) from None
    except Exception as error:  # as above
        known = ", ".join(formats)
        reason = "" if isinstance(error, Image.UnidentifiedImageError) else f": {_line(error)}"
        raise HTTPException(400, f"not an image that can be read ({known}){reason}") from None
    if picture.width * picture.height > max_pixels:
        size = f"{picture.width}x{picture.height}"
        raise HTTPException(413, f"the image has {size} pixels; this server takes {max_pixels}")
    return picture


def mask_png(mask, own, colors):
    """A palette PNG at the picture's own (H, W): class indices in class colours."""
    png = io.BytesIO()
    write_mask(png, _at(mask, own), colors)
    return png.getvalue()


def overlay_png(image, mask, own, colors):
    """The mask's colours over the picture."""
    png = io.BytesIO()
    if image.shape[:2] != own:
        image = np.asarray(Image.fromarray(image).resize(own[::-1], Image.Resampling.BILINEAR))
    write_picture(png, overlay(image, _at(mask, own), colors))
    return png.getvalue()


def _at(mask, own):
    if mask.shape == own:
        return mask
    return np.asarray(Image.fromarray(mask).resize(own[::-1], Image.Resampling.NEAREST))


def _line(error):
    return " ".join(str(error).split())[:120] or type(error).__name__
