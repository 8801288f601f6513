"""Image files of every kind, including ones that no library writes."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def smooth(height, width, channels=3, seed=0):
    """Pixels uint8 (H, W, C) of an image that compresses like a photo."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, channels), np.uint8)
    bands = [Image.fromarray(coarse[..., i]).resize((width, height)) for i in range(channels)]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def saved(image, kind, orientation=None, **options):
    """The bytes of a PIL image, or of uint8 or uint16 pixels, as Pillow writes them."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if orientation:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(array, orientation=1, extra=(), pages=1):
    """An uncompressed TIFF of (H, W) or (H, W, bands), of the array's dtype."""
    array = array if array.ndim == 3 else array[..., None]
    height, width, bands = array.shape
    bits, kind = 8 * array.dtype.itemsize, {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    entries = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * bands), (259, 3, [1]),
        (262, 3, [2 if bands >= 3 else 1]), (273, 4, [8]), (274, 3, [orientation]),
        (277, 3, [bands]), (278, 4, [height]), (279, 4, [array.nbytes]), (284, 3, [1]),
        *([(338, 3, list(extra))] if extra else []), (339, 3, [kind] * bands),
    ]  # fmt: skip
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8 + array.nbytes))
    data += array.astype(array.dtype.newbyteorder("<")).tobytes()
    for page in range(pages):
        data += _directory(entries, len(data), last=page == pages - 1)
    return bytes(data)


def _directory(entries, start, last):
    after, table = start + 2 + 12 * len(entries) + 4, bytearray(struct.pack("<H", len(entries)))
    values = bytearray()
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            place = struct.pack("<I", after + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        table += struct.pack("<HHI", tag, kind, len(numbers)) + place
    return table + struct.pack("<I", 0 if last else after + len(values)) + values


def packed_tiff(values, bits=12):
    """A gray TIFF with two 12-bit pixels in three bytes; `bits` is the depth it claims."""
    first, second = (half.astype(np.uint16) for half in (values.flat[::2], values.flat[1::2]))
    parts = first >> 4, (first & 15) << 4 | second >> 8, second & 255
    data = np.stack(parts, axis=1).astype(np.uint8).tobytes()
    numbers = {256: values.shape[1], 257: values.shape[0], 258: bits, 259: 1, 262: 1, 273: 8,
               277: 1, 278: values.shape[0], 279: len(data)}  # fmt: skip
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data
    entries = [(tag, 4 if tag in (273, 279) else 3, [value]) for tag, value in numbers.items()]
    return head + bytes(_directory(entries, len(head), last=True))


def png_that_says(width, height):
    """A PNG's header with almost no data after it."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")
