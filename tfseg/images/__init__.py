"""Reads image files: bit depth, bands, orientation and pixel range, with one kind of error.

Every package may use it; it imports only `errors`, and no TensorFlow.
"""

from tfseg.images.headers import check_label_format
from tfseg.images.levels import FULL, level_table, likely_range, to_levels
from tfseg.images.reader import (
    MOST_PIXELS,
    ImageData,
    image_size,
    open_image,
    pillow_pixels,
    read_image,
)

__all__ = [
    "FULL",
    "MOST_PIXELS",
    "ImageData",
    "check_label_format",
    "image_size",
    "level_table",
    "likely_range",
    "open_image",
    "pillow_pixels",
    "read_image",
    "to_levels",
]
