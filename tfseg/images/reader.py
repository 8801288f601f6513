"""Image files -> pixels.

A file is read into memory and its header parsed; pixels are decoded on demand, so size, bands and
orientation are cheap. Every fault is a `UserError` of one line: the file, the reason, the remedy.
Nothing here needs TensorFlow.
"""

import io
import mmap
import stat
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import (
    BmpImagePlugin,  # noqa: F401  each registers its format
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from tfseg.errors import UserError
from tfseg.images.headers import (
    check_png,
    check_tiff,
    is_tiff,
    mode_of,
    orientation_of,
    range_of,
    tiff_size,
    turned,
)
from tfseg.images.levels import to_levels

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
MOST_PIXELS = 178_956_970  # of a file read as a whole; Pillow's limit
BYTES = 16  # most bytes of a pixel: four floats
REPLACE = "replace the file"


class ImageData:
    """An image file with its header read, but not decoded. `open_image` makes it.

    Attributes:
        name: its name in messages; by default its path, or "the image" for bytes.
        data: its bytes.
        format: "PNG", "JPEG", ...
        mode: Pillow's ("L", "P", "RGB", "I;16", "F", ...); colours of more than 8 bits, which
            Pillow has no mode for, are "RGB;16", "RGBA;16", "LA;16", "RGB;F", "RGB;I".
        size: (H, W), upright.
        orientation: EXIF's, 1 to 8; 1 is upright.
        compression: Pillow's name of a TIFF's compression.
        pixel_range: the range of a 12-bit TIFF; else None.
        alpha: whether it has transparency, which `pixels` ignores.
    """

    def __init__(self, data: bytes, name: str, picture: ImageFile.ImageFile | None, mode: str):
        self.data, self.name, self.mode, self._picture = data, name, mode, picture
        self.format = picture.format if picture else "TIFF"
        if self.format == "MPO":  # a JPEG followed by others, as phones write
            self.format = "JPEG"
        self.orientation = orientation_of(picture, data)
        self.pixel_range = range_of(picture, data)
        width_height = picture.size if picture else tiff_size(data)
        turned = self.orientation >= 5
        if picture and self.format == "TIFF":
            turned = False  # Pillow has already turned it
        self.size = width_height if turned else width_height[::-1]
        self.compression = picture.info.get("compression") if picture else None
        transparent = picture is not None and "transparency" in picture.info
        self.alpha = "A" in mode.replace("LAB", "") or transparent

    @property
    def deep(self) -> bool:
        """Whether its channels have more than 8 bits, except for Pillow's "I" and "F"."""
        return ";" in self.mode

    @property
    def keeps(self) -> bool:
        """Whether TensorFlow decodes the file's bytes to the same pixels as `pixels()`."""
        upright = self.orientation == 1
        return upright and (self.format, self.mode) in {("PNG", "RGB"), ("JPEG", "RGB")}

    def pixels(self, pixel_range: tuple[float, float] | None = None) -> np.ndarray:
        """RGB pixels uint8 (H, W, 3), upright, without alpha.

        Images of more than 8 bits become levels of 0..255, see `to_levels`. Raises `UserError`.
        """
        return self.levels(self.values(), pixel_range)

    def levels(self, values: np.ndarray, pixel_range=None) -> np.ndarray:
        """The same as `pixels`, from the result of `values`."""
        if values.dtype != np.uint8:
            values = to_levels(values, pixel_range or self.pixel_range, self.name)
        return values if values.ndim == 3 else cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)

    def values(self) -> np.ndarray:
        """The pixels, upright: RGB or gray, without alpha; 8-bit files as RGB uint8.

        Files of more than 8 bits keep their type: uint16, int32, float32, float64.
        """
        if self.deep or self.mode in ("I", "F"):
            values = self.stored()
            if values.ndim == 3 and values.shape[2] in (2, 4):
                values = values[..., 0] if values.shape[2] == 2 else values[..., :3]
            return np.ascontiguousarray(values)
        picture = self.picture()
        with _explained(self.name):
            return self._upright(picture if picture.mode == "RGB" else picture.convert("RGB"))

    def stored(self) -> np.ndarray:
        """The numbers in the file, upright, with alpha; palette images as indices."""
        if self.deep and not self.mode.startswith("I;"):
            return self._by_opencv()
        values = self._upright(self.picture())
        if self.mode.startswith("I;16"):
            return values.astype(np.uint16)  # from whichever byte order
        return values.astype(np.uint8) if values.dtype == bool else values

    def colors(self) -> np.ndarray:
        """The colours of an 8-bit file as a viewer shows them, RGB uint8 (H, W, 3), upright."""
        return self._upright(self.picture().convert("RGB"))

    def picture(self) -> ImageFile.ImageFile:
        """The Pillow image, fully decoded and checked."""
        with _explained(self.name):
            self._picture.load()
            if self.format == "PNG":
                check_png(self.data)
        return self._picture

    def _upright(self, picture):
        array = np.asarray(picture)
        return array if self.format == "TIFF" else turned(array, self.orientation)

    def _by_opencv(self):
        with _explained(self.name):
            if self.format == "PNG":
                check_png(self.data)
            array = _decoded(self.data)
            if array is None:
                raise ValueError("it is truncated or compressed in an unknown way")
        if array.ndim == 3:
            order = [2, 1, 0, 3] if array.shape[2] == 4 else [2, 1, 0]
            array = array[..., order]
        return array if self.format == "TIFF" else turned(array, self.orientation)


def open_image(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    formats: tuple[str, ...] = FORMATS,
    max_pixels: int | None = MOST_PIXELS,
    mend: str = "make it smaller",
) -> ImageData:
    """Reads the header of an image file or of its bytes; messages call it `name`.

    Args:
        formats: accepted formats.
        max_pixels: largest number of pixels; None accepts any.
        mend: remedy for too many pixels, for the message.

    Raises:
        UserError: for other files, several images in one file, or bands that are not RGB.

    Example:
        >>> open_image("photo.jpg").size
        (1080, 1920)
    """
    name = name or ("the image" if isinstance(source, bytes) else str(source))
    with _explained(name):
        data = (
            source if isinstance(source, bytes) else _regular(Path(source), max_pixels).read_bytes()
        )
    image = _understood(data, name, formats)
    if image.mode == "LAB":
        raise UserError(f"{name} is in LAB colours; save it as RGB")
    if max_pixels is not None:
        _check_pixels(name, image.size, max_pixels, mend)
    return image


def _check_pixels(name, size, most, mend):
    if size[0] * size[1] > most:
        raise UserError(
            f"{name} has {size[0]}x{size[1]} pixels; the most is {most:,} in all; {mend}"
        )


def _understood(data, name, formats):
    """The `ImageData` of a file's bytes or of its memory map."""
    with _explained(name):
        if not data:
            raise ValueError("it is empty")
        if "TIFF" in formats and is_tiff(data):
            deep = check_tiff(data, name)
            picture = None if deep else _opened(data, ("TIFF",))
            return ImageData(data, name, picture, deep or picture.mode)
        picture = _opened(data, formats)
        _check_frames(name, picture)
        return ImageData(data, name, picture, mode_of(picture, data))


def read_image(
    source: str | Path | bytes,
    pixel_range: tuple[float, float] | None = None,
    max_pixels: int | None = MOST_PIXELS,
) -> np.ndarray:
    """RGB pixels uint8 (H, W, 3) of an image file, upright. Raises `UserError`."""
    return open_image(source, max_pixels=max_pixels).pixels(pixel_range)


def pillow_pixels(picture: Image.Image, name: str = "the image") -> np.ndarray:
    """RGB pixels uint8 (H, W, 3) of an 8-bit image of Pillow, upright. Raises `UserError`."""
    with _explained(name):  # Pillow may decode a file here
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) of an image file, upright, from its header. Raises `UserError`, also if too large.

    It reads only the header, because a data set may have many thousands of files.
    """
    name = str(path)
    with (
        _explained(name),
        _regular(Path(path)).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        size = _understood(data, name, FORMATS).size
    _check_pixels(name, size, MOST_PIXELS, "make it smaller")
    return size


def _regular(path, pixels=None):
    """Returns the path if it is a regular file of a possible size; else raises `UserError`."""
    try:
        kind, *_, size = path.stat()[:7]
        if stat.S_ISDIR(kind):
            raise UserError(f"{path} is a folder, not an image; {REPLACE}")
        if not stat.S_ISREG(kind):  # reading a pipe or a device might never end
            raise UserError(f"{path} is not a regular file; {REPLACE}")
        if pixels and size > BYTES * pixels + 2**20:  # a sparse file
            raise UserError(f"{path} has {size:,} bytes, more than its pixels can; {REPLACE}")
        return path
    except FileNotFoundError:
        raise UserError(f"image {path} does not exist; check its name") from None


@contextmanager
def _explained(name):
    """Turns any error of a decoder into a `UserError` of one line."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{name} does not fit into memory; make it smaller") from None
    except Exception as error:
        if getattr(error, "errno", None):
            raise UserError(f"{name} cannot be read: {error.strerror}; check its mode") from None
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{name} is damaged or not an image: {reason}; {REPLACE}") from None


def _opened(data, formats):
    """Pillow's image of the first format that accepts the bytes, with its header read.

    `Image.open` would refuse large images by a process-wide limit.
    """
    for name in formats:
        factory, accepts = Image.OPEN[name]
        if accepts(data[:16]) is True:
            return factory(io.BytesIO(data) if isinstance(data, bytes) else data, "")
    raise ValueError(f"its format is not supported ({', '.join(formats)})")


def _decoded(data):
    """Pixels decoded by OpenCV, or None, without its log lines about damaged files."""
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(before)


def _check_frames(name, picture):
    if picture.format == "MPO":  # a photo with thumbnails
        return
    if (count := getattr(picture, "n_frames", 1)) > 1:
        raise UserError(f"{name} holds {count} images; save the one you want as a PNG")
