"""One raw frame -> its example's bytes: read, checked, mapped to class indices, resized, encoded.

Nothing here needs TensorFlow, so that a conversion's processes start at once.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tfseg.datasets import masks
from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.soft_edges import soften
from tfseg.errors import UserError
from tfseg.records.example import encode_png, serialize

QUICK_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 0)  # large, but soon written and read


@dataclass(frozen=True)
class Label:
    """Class indices (H, W), void 255; how many pixels are in no table, and one of them in words.

    `soft` pixels took the class of the nearer colour, `soft_example` is one of them in words.
    """

    index: np.ndarray
    unknown: int
    example: str | None
    soft: int = 0
    soft_example: str | None = None


@dataclass(frozen=True)
class Example:
    """What a conversion keeps of a frame: its bytes, (H, W), and facts of its label.

    `unknown` and `soft` pixels are as `Label` has them, `labels` are the class indices that occur.
    """

    serialized: bytes
    size: tuple[int, int]
    unknown: int
    example: str | None
    soft: int
    soft_example: str | None
    labels: tuple[int, ...]


def make_example(frame, size=None, encoding="keep", allow_unknown=False):
    """Reads a `Frame` and serializes it; `size` and `encoding` as `convert` has them.

    Raises `UserError`, naming the file, for pictures that are damaged or do not belong together,
    and for label values outside the table unless `allow_unknown`. Unknown colours are counted:
    anti-aliased edges and strays are common, and whether they are too many is the data set's
    affair, not a frame's.
    """
    kept, image = read_image(frame.image)
    label, instance = _read_labels(frame, image.shape[:2], allow_unknown)
    index = label.index
    if size is not None and size != index.shape:
        kept, width_height = None, size[::-1]
        image = cv2.resize(image, width_height, interpolation=cv2.INTER_LINEAR)
        # The exact kind has pixel centres where the bilinear one has them.
        exact = {"dsize": width_height, "interpolation": cv2.INTER_NEAREST_EXACT}
        index = cv2.resize(index, **exact)
        instance = None if instance is None else cv2.resize(instance, **exact)
    serialized = serialize(_encode(image, kept, encoding), index, frame.id, instance)
    labels = np.flatnonzero(cv2.calcHist([index], [0], None, [256], [0, 256]))
    facts = label.unknown, label.example, label.soft, label.soft_example
    return Example(serialized, index.shape, *facts, tuple(labels.tolist()))


def quick_example(frame):
    """An example of the same pixels that lives for as long as it takes to decode it.

    Whether an image file is whole is left to whoever decodes it. Raises `UserError` for the rest.
    """
    kept = None
    if isinstance(frame.image, Path):
        data, picture = _open(frame.image, load=False)
        kept, shape = (data if _can_be_kept(picture) else None), picture.size[::-1]
    if kept is None:
        image = read_image(frame.image)[1]
        kept, shape = encode_png(image[..., ::-1], QUICK_PNG), image.shape[:2]
    label, instance = _read_labels(frame, shape, allow_unknown=False)
    return serialize(kept, label.index, frame.id, instance, QUICK_PNG)


def _read_labels(frame, shape, allow_unknown):
    """(`Label`, instances or None) of a frame whose image has the (H, W) `shape`."""
    label = read_label(frame)
    if label.unknown and isinstance(frame.coding, Values) and not allow_unknown:
        raise UserError(
            f"{frame.label}: label {label.example} is no class; --allow_unknown makes such pixels "
            f"void"
        )
    instance = _read_instance(frame.instance) if frame.instance else None
    for path, array in ((frame.label, label.index), (frame.instance, instance)):
        if array is not None and array.shape != shape:
            raise UserError(
                f"{frame.image} is {_by(shape)} but {path} is {_by(array.shape)} (height x width)"
            )
    return label, instance


def _by(shape):
    return f"{shape[0]}x{shape[1]}"


def _encode(image, kept, encoding):
    if encoding == "raw":
        return image
    if encoding == "keep" and kept is not None:
        return kept
    if encoding == "jpeg":
        return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return encode_png(image[..., ::-1])


def read_image(place):
    """(the file's bytes where records can keep them, else None; RGB pixels uint8 (H, W, 3))."""
    if callable(place):
        return None, place()
    data, picture = _open(place)
    if _can_be_kept(picture):
        return data, np.asarray(picture)
    # Upright, as whoever drew the label has seen it.
    return None, np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def _can_be_kept(picture):
    """Whether a reader of records sees the same in the file's own bytes."""
    if picture.mode != "RGB" or picture.format not in ("PNG", "JPEG"):
        return False
    # Asking a PNG would decode it; cameras write JPEG.
    return picture.format == "PNG" or picture.getexif().get(ExifTags.Base.Orientation, 1) == 1


def read_label(frame):
    """The `Label` of a frame. Raises `UserError` where it cannot be one."""
    return map_label(read_raw_label(frame.label, frame.coding), frame.coding)


def map_label(raw, coding):
    """Raw label pixels -> `Label`."""
    index, unknown, example = coding.apply(raw)
    soft, soft_example = 0, None
    if unknown and coding.soft:
        soft, soft_example, unknown, example = soften(coding, raw, index)
    return Label(index, unknown, example, soft, soft_example)


def read_raw_label(place, coding):
    """A label as it lies in its file: colours uint8 (H, W, 3), or values uint8 (H, W)."""
    if callable(place):
        return place()
    data, picture = _open(place)
    if isinstance(coding, Colors):
        return masks.colors(picture, data, place)
    return masks.values(picture, data, place, coding)


def _read_instance(path):
    values = np.asarray(_open(path)[1])
    if values.ndim != 2 or values.max(initial=0) > 65535:
        raise UserError(f"{path} is no single-channel 16-bit picture of instances")
    return values.astype(np.uint16)


def _open(path, load=True):
    """(bytes, Pillow image) of a file, which `load` decodes and checks to its last byte."""
    try:
        data = Path(path).read_bytes()
        picture = Image.open(io.BytesIO(data))
        if load:
            picture.load()
        if load and picture.format == "PNG":
            _check_png(data)
    except UnidentifiedImageError:
        raise UserError(f"{path} is damaged or no picture: its kind is not known") from None
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: {error}; make it smaller") from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} is damaged or no picture: {reason}") from None
    return data, picture


def _check_png(data):
    """Raises `ValueError` where a chunk's checksum is off: Pillow lets some of those pass."""
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        (wanted,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[place + 4 : end]) != wanted:
            raise ValueError(f"checksum of its {kind.decode('latin1')} chunk")
        if kind == b"IEND":
            return
        place = end + 4
