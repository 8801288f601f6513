"""One raw frame -> its example's bytes: read, checked, mapped to class indices, resized, encoded.

Nothing here needs TensorFlow, so a conversion's processes start quickly.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tfseg.datasets import masks
from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.soft_edges import soften
from tfseg.errors import UserError
from tfseg.images import open_image
from tfseg.records.example import IMAGE_PNG, QUICK_PNG, encode_png, serialize
from tfseg.records.tally import Traits, is_flat, read_traits


@dataclass(frozen=True)
class Label:
    """Class indices (H, W), void 255; the number of unknown pixels, and a text on one of them.

    `soft` counts pixels that took the class of the nearer colour; `soft_example` describes one.
    """

    index: np.ndarray
    unknown: int
    example: str | None
    soft: int = 0
    soft_example: str | None = None


@dataclass(frozen=True)
class Example:
    """A converted frame: its bytes, (H, W), and facts about its label and image.

    `unknown` and `soft` are those of `Label`; `labels` are the class indices that occur.
    """

    serialized: bytes
    size: tuple[int, int]
    unknown: int
    example: str | None
    soft: int
    soft_example: str | None
    labels: tuple[int, ...]
    traits: Traits


def make_example(frame, size=None, encoding="keep", allow_unknown=False):
    """Reads a `Frame` and serializes it; `size` and `encoding` are those of `convert`.

    Raises `UserError`, naming the file, for files that are damaged or do not belong together,
    and for label values outside the table unless `allow_unknown`. Unknown colours are only
    counted: anti-aliased edges and strays are common, and the limit applies to the data set,
    not to a frame.
    """
    kept, image, traits = read_image(frame)
    label, instance = _read_labels(frame, image.shape[:2], allow_unknown)
    index = label.index
    if size is not None and size != index.shape:
        kept, width_height = None, size[::-1]
        image = cv2.resize(image, width_height, interpolation=cv2.INTER_LINEAR)
        # INTER_NEAREST_EXACT uses the pixel centres of INTER_LINEAR.
        exact = {"dsize": width_height, "interpolation": cv2.INTER_NEAREST_EXACT}
        index = cv2.resize(index, **exact)
        instance = None if instance is None else cv2.resize(instance, **exact)
    serialized = serialize(_encode(image, kept, encoding), index, frame.id, instance)
    labels = np.flatnonzero(cv2.calcHist([index], [0], None, [256], [0, 256]))
    facts = label.unknown, label.example, label.soft, label.soft_example
    return Example(serialized, index.shape, *facts, tuple(labels.tolist()), traits)


def quick_example(frame):
    """A serialized example of the same pixels, to be decoded at once.

    Decoding it finds a damaged image file. Raises `UserError` for all other faults.
    """
    file = open_image(frame.image) if isinstance(frame.image, Path) else None
    if file and file.keeps:
        kept, shape = file.data, file.size
    else:
        image = file.pixels(frame.pixel_range) if file else frame.image()
        kept, shape = encode_png(image[..., ::-1], QUICK_PNG), image.shape[:2]
    label, instance = _read_labels(frame, shape, allow_unknown=False)
    return serialize(kept, label.index, frame.id, instance, QUICK_PNG)


def _read_labels(frame, shape, allow_unknown):
    """(`Label`, instance ids or None) of a frame whose image has the (H, W) `shape`."""
    label = read_label(frame)
    if label.unknown and isinstance(frame.coding, Values) and not allow_unknown:
        raise UserError(
            f"{frame.label}: label {label.example} is not a class; --allow_unknown makes such "
            f"pixels void"
        )
    instance = _read_instance(frame.instance) if frame.instance else None
    for path, array in ((frame.label, label.index), (frame.instance, instance)):
        if array is not None and array.shape != shape:
            raise UserError(mismatch(frame.image, shape, path, array.shape))
    return label, instance


def mismatch(image, size, label, label_size):
    """A line about an image and a label of different sizes (H, W)."""
    by = "{0[0]}x{0[1]}".format
    reason = "they are different frames, or only one was resized"
    if tuple(size) == tuple(label_size)[::-1]:
        reason = (
            "one is turned by a quarter turn: the label ignores the "
            "image's EXIF orientation, or the image lost it; save both upright"
        )
    return f"{image} is {by(size)} but {label} is {by(label_size)} (height x width); {reason}"


def _encode(image, kept, encoding):
    if encoding == "raw":
        return image
    if encoding == "keep" and kept is not None:
        return kept
    if encoding == "jpeg":
        return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return encode_png(image[..., ::-1], IMAGE_PNG)


def read_image(frame):
    """(the file's bytes if records can keep them, else None; RGB uint8 (H, W, 3); `Traits`)."""
    if callable(frame.image):
        image = frame.image()
        return None, image, Traits(flat=is_flat(image))
    file = open_image(frame.image)
    image, traits = read_traits(file, frame.pixel_range)
    return (file.data if file.keeps else None), image, traits


def read_label(frame):
    """The `Label` of a frame. Raises `UserError` if it is invalid."""
    return map_label(read_raw_label(frame.label, frame.coding), frame.coding)


def map_label(raw, coding):
    """Raw label pixels -> `Label`."""
    index, unknown, example = coding.apply(raw)
    soft, soft_example = 0, None
    if unknown and coding.soft:
        soft, soft_example, unknown, example = soften(coding, raw, index)
    return Label(index, unknown, example, soft, soft_example)


def read_raw_label(place, coding):
    """The label as stored in its file: colours uint8 (H, W, 3) or values uint8 (H, W)."""
    if callable(place):
        return place()
    file = open_image(place)
    return masks.colors(file) if isinstance(coding, Colors) else masks.values(file, coding)


def _read_instance(path):
    values = open_image(path).stored()
    if values.ndim != 2 or values.dtype.kind == "f" or values.max(initial=0) > 65535:
        raise UserError(f"{path} is not a single-channel 16-bit image of instances")
    return values.astype(np.uint16)
