"""The one reader of image files: bit depth, bands, orientation, pixel range, one kind of error.

Every room may use it; it uses `errors` alone, and no TensorFlow.
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
