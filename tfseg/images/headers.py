"""Reads headers of image files: bands, bits, orientation, checksums."""

import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, TiffImagePlugin

from tfseg.errors import UserError

_TIFF = {"width": 256, "length": 257, "bits": 258, "photometric": 262, "orientation": 274,
         "bands": 277, "extra": 338, "kind": 339, "subfile": 254}  # fmt: skip
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3  # TIFF's SampleFormat
_NUMBERS = {_UNSIGNED: "unsigned numbers", _SIGNED: "signed numbers", _FLOAT: "floats"}
_UNREAD = ((16, _FLOAT), (24, _FLOAT), (64, _UNSIGNED), (64, _SIGNED))
_OPENCVS = ((8, _SIGNED), (32, _UNSIGNED), (64, _FLOAT))  # kinds that Pillow misreads
_CMYK, _LAB = 5, 8  # TIFF's PhotometricInterpretation


def mode_of(picture, data):
    deep = picture.format == "PNG" and data[24] == 16 and picture.mode in ("RGB", "RGBA", "LA")
    return f"{picture.mode};16" if deep else picture.mode


def is_tiff(data):
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _tags(data, start=None):
    """A directory of a TIFF: the first, or the one at byte `start`."""
    header = data[: 16 if data[2] == 43 or data[3] == 43 else 8]
    directory, file = TiffImagePlugin.ImageFileDirectory_v2(header), io.BytesIO(data)
    place = directory.next if start is None else start
    if not 8 <= place < len(data) - 1:
        raise ValueError("it is truncated: its directory is missing")
    file.seek(place)
    directory.load(file)
    if _TIFF["length"] not in directory:
        raise ValueError("it is truncated in its directory")
    return directory


def _tag(tags, name, missing):
    value = tags.get(_TIFF[name])
    return missing if value is None else value


def orientation_of(picture, data):
    """EXIF's orientation. For a PNG with metadata after its pixels, Pillow decodes the pixels."""
    try:
        if picture is None or picture.format == "TIFF":
            return _tag(_tags(data), "orientation", 1)
        if picture.format == "PNG" and not any(map(_may_turn, _chunks(data))):
            return 1
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF is ignored; pixels are checked separately
        return 1


def tiff_size(data):
    tags = _tags(data)
    return tags[_TIFF["width"]], tags[_TIFF["length"]]


def range_of(picture, data):
    """The range of a 12-bit TIFF, which Pillow reads as 16 bits; None for others."""
    if picture is None or picture.format != "TIFF" or not picture.mode.startswith("I;16"):
        return None
    return (0, 4095) if _tag(_tags(data), "bits", (16,))[0] == 12 else None


def check_tiff(data, name):
    """The mode of a TIFF that Pillow cannot decode in full depth, else None.

    Raises `UserError` for several images in a file, and for bands other than gray or colours.
    """
    tags = _tags(data)
    if tags.next and not _tag(_tags(data, tags.next), "subfile", 0):  # 1, 4: smaller, a mask
        raise UserError(f"{name} holds several images (pages); save the one you want")
    photometric, bands = _tag(tags, "photometric", 1), _tag(tags, "bands", 1)
    alpha = _tag(tags, "extra", ()) in ((1,), (2,))
    colors = bands - alpha
    if colors not in (1, 3) and (colors, photometric) != (4, _CMYK):
        raise UserError(
            f"{name} has {bands} bands; wanted gray or RGB (and alpha, declared as such); save "
            f"the three you want as an RGB image"
        )
    bits, kind = _tag(tags, "bits", (1,))[0], _tag(tags, "kind", (1,))[0]
    mode = ("RGB" if colors == 3 else "L") + "A" * alpha
    wide = bits > 8 or kind in (_SIGNED, _FLOAT)
    packed = bits in (10, 12, 14) and (bits, colors) != (12, 1)
    if packed or (wide and mode == "LA") or (bits, kind) in _UNREAD:
        raise UserError(
            f"{name} holds {bits}-bit {_NUMBERS.get(kind, 'data')} ({mode}), which is not "
            f"supported; save it as 8- or 16-bit numbers or as 32-bit floats, without alpha"
        )
    if (bits, kind) in _OPENCVS or (colors == 3 and wide and photometric != _LAB):
        deep = (bits, kind) == (16, _UNSIGNED)
        return mode + (";16" if deep else ";F" if kind == _FLOAT else ";I")
    return None


def _chunks(data):
    """Yields (kind, start, end) of the content of each chunk of a PNG."""
    place = 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, place + 8, place + 8 + length
        if kind == b"IEND":  # data after it is not part of the PNG, and may be endless
            return
        place += 12 + length


def _may_turn(chunk):
    return chunk[0] in (b"eXIf", b"iTXt", b"zTXt")


def check_png(data):
    """Raises `ValueError` if a chunk's checksum is wrong: Pillow accepts some of those."""
    for kind, start, end in _chunks(data):
        if end + 4 > len(data):
            raise ValueError(f"it is truncated in its {kind.decode('latin1')} chunk")
        (wanted,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[start - 4 : end]) != wanted:
            raise ValueError(f"checksum of its {kind.decode('latin1')} chunk")
        if kind == b"IEND":
            return
    raise ValueError("it ends before its last chunk")


_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def turned(array, orientation):
    """Pixels (H, W, ...) as stored in the file -> upright."""
    turn = _TURNS.get(orientation)
    return np.ascontiguousarray(turn(array)) if turn else array


def check_label_format(image) -> None:
    """Raises `UserError` for an `ImageData` whose compression changes label values."""
    smears = image.format == "JPEG" and "JPEG"
    smears = smears or (image.format == "WEBP" and b"VP8 " in image.data[12:4096] and "lossy WebP")
    smears = smears or (image.compression == "jpeg" and "JPEG-compressed TIFF")
    if smears:
        raise UserError(
            f"{image.name} is a {smears}, which smears label values; labels must be PNG"
        )
