"""Image files to pixels.

A file is read into memory, its header understood, and only then decoded, so that size, bands and
orientation cost nothing. Everything that is not understood is a `UserError` of one line: the file,
the reason, the mend. Nothing here needs TensorFlow.
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
MOST_PIXELS = 178_956_970  # of a file that is read whole; Pillow's own limit
BYTES = 16  # of a pixel at most: four floats
REPLACE = "replace the file"


class ImageData:
    """An image file whose header has been read, and nothing decoded. `open_image` makes it.

    Attributes:
        name: what messages call it, its path.
        data: its bytes.
        format: "PNG", "JPEG", ...
        mode: Pillow's ("L", "P", "RGB", "I;16", "F", ...); colours of more than 8 bits, which
            Pillow has no mode for, are "RGB;16", "RGBA;16", "LA;16", "RGB;F", "RGB;I".
        size: (H, W), upright.
        orientation: EXIF's, 1 to 8; 1 is upright.
        compression: Pillow's name of a TIFF's.
        pixel_range: the one that its header declares, of 12 bits; else None.
        alpha: whether some of it is transparent, which `pixels` leaves out.
    """

    def __init__(self, data: bytes, name: str, picture: ImageFile.ImageFile | None, mode: str):
        self.data, self.name, self.mode, self._picture = data, name, mode, picture
        self.format = picture.format if picture else "TIFF"
        if self.format == "MPO":  # a JPEG with others behind it, as phones write
            self.format = "JPEG"
        self.orientation = orientation_of(picture, data)
        self.pixel_range = range_of(picture, data)
        width_height = picture.size if picture else tiff_size(data)
        turned = self.orientation >= 5
        if picture and self.format == "TIFF":
            turned = False  # Pillow has seen to it
        self.size = width_height if turned else width_height[::-1]
        self.compression = picture.info.get("compression") if picture else None
        transparent = picture is not None and "transparency" in picture.info
        self.alpha = "A" in mode.replace("LAB", "") or transparent

    @property
    def deep(self) -> bool:
        """Whether its channels have more than 8 bits, other than in Pillow's "I" and "F"."""
        return ";" in self.mode

    @property
    def keeps(self) -> bool:
        """Whether TensorFlow's decoder sees the pixels of `pixels()` in the file's own bytes."""
        upright = self.orientation == 1
        return upright and (self.format, self.mode) in {("PNG", "RGB"), ("JPEG", "RGB")}

    def pixels(self, pixel_range: tuple[float, float] | None = None) -> np.ndarray:
        """RGB pixels uint8 (H, W, 3), upright, alpha left out.

        Images of more than 8 bits become levels of 0..255, see `to_levels`. Raises `UserError`.
        """
        return self.levels(self.values(), pixel_range)

    def levels(self, values: np.ndarray, pixel_range=None) -> np.ndarray:
        """`pixels`, where `values` are known already."""
        if values.dtype != np.uint8:
            values = to_levels(values, pixel_range or self.pixel_range, self.name)
        return values if values.ndim == 3 else cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)

    def values(self) -> np.ndarray:
        """The pixels, upright: RGB or gray, without alpha; 8-bit files as RGB uint8.

        More than 8 bits come as they lie in the file: uint16, int32, float32, float64.
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
        """The numbers that lie in the file, upright; a palette's indices, alpha with the rest."""
        if self.deep and not self.mode.startswith("I;"):
            return self._by_opencv()
        values = self._upright(self.picture())
        if self.mode.startswith("I;16"):
            return values.astype(np.uint16)  # from whichever byte order
        return values.astype(np.uint8) if values.dtype == bool else values

    def colors(self) -> np.ndarray:
        """The colours that a viewer shows, RGB uint8 (H, W, 3), upright, of an 8-bit file."""
        return self._upright(self.picture().convert("RGB"))

    def picture(self) -> ImageFile.ImageFile:
        """The Pillow image, decoded and checked to its last byte."""
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
    """The header of an image file, or of its bytes, which messages call `name`.

    Args:
        formats: those that are accepted.
        max_pixels: the most that it may have; None takes any number.
        mend: what to do about more.

    Raises:
        UserError: for what is no such file, several images in one, bands that are no RGB.

    Example:
        >>> open_image("photo.jpg").size
        (1080, 1920)
    """
    name = name or str(source)
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
    """The `ImageData` of a file's bytes, or of a map of the file in memory."""
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
    with _explained(name):  # it may be a file that is decoded here
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) of an image file, upright, from its header. Raises `UserError`, also for too many.

    No more of the file is read than that takes: there may be many thousands of them.
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
    """The path of a file that can be read to its end. Raises `UserError` for others."""
    try:
        kind, *_, size = path.stat()[:7]
        if stat.S_ISDIR(kind):
            raise UserError(f"{path} is a folder, not an image; {REPLACE}")
        if not stat.S_ISREG(kind):  # reading a pipe or a device might never end
            raise UserError(f"{path} is no regular file; {REPLACE}")
        if pixels and size > BYTES * pixels + 2**20:  # a hole that takes no room on the disk
            raise UserError(f"{path} has {size:,} bytes, more than its pixels can; {REPLACE}")
        return path
    except FileNotFoundError:
        raise UserError(f"image {path} does not exist; check its name") from None


@contextmanager
def _explained(name):
    """Turns whatever damaged bytes lead a decoder to into one line."""
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
    """Pillow's image of the first format that knows the bytes, its header read.

    `Image.open` would refuse large images by a limit for the whole process.
    """
    for name in formats:
        factory, accepts = Image.OPEN[name]
        if accepts(data[:16]) is True:
            return factory(io.BytesIO(data) if isinstance(data, bytes) else data, "")
    raise ValueError(f"its format is not supported ({', '.join(formats)})")


def _decoded(data):
    """Pixels by OpenCV, or None, without the lines that it prints on damaged files."""
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(before)


def _check_frames(name, picture):
    if picture.format == "MPO":  # a photo with its thumbnails
        return
    if (count := getattr(picture, "n_frames", 1)) > 1:
        raise UserError(f"{name} holds {count} images; save the one you want as a PNG")
