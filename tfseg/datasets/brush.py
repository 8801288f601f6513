"""Label Studio's run lengths of brush strokes, a stream of bits that holds RGBA pixels.

After the number of bytes that come of it (32 bits), the size of a word less one (5 bits) and four
sizes of lengths less one (4 bits each), every block is a bit that says whether one value repeats,
2 bits that choose the size of its length, its length less one, and one value or as many.
"""

import numpy as np

from tfseg.errors import UserError

OPAQUE = 128  # from which alpha on a pixel is painted


def decode_brush(rle: tuple[int, ...], size: tuple[int, int], where: str) -> np.ndarray:
    """The painted pixels, bool (H, W). Raises `UserError` for data that does not fill `size`."""
    height, width = size
    try:
        bits = _Bits(bytes(rle))
        count, word = bits.read(32), bits.read(5) + 1
        lengths = [bits.read(4) + 1 for _ in range(4)]
        if count != height * width * 4 or word != 8:
            raise ValueError(f"it holds {count} values of {word} bits")
        values = _values(bits, count, word, lengths)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{where}: its rle is no brush of {height}x{width} pixels (height x width): {error}; "
            f"export it again"
        ) from None
    return values.reshape(height, width, 4)[..., 3] >= OPAQUE


def _values(bits, count, word, lengths):
    values, place = np.empty(count, np.uint8), 0
    while place < count:
        repeats = bits.read(1)
        end = place + 1 + bits.read(lengths[bits.read(2)])
        if end > count:
            raise ValueError("it goes on beyond the last pixel")
        if repeats:
            values[place:end] = bits.read(word)
        else:
            values[place:end] = [bits.read(word) for _ in range(place, end)]
        place = end
    return values


class _Bits:
    """Numbers from a stream of bits, the highest bit first."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def read(self, count):
        first, end = self.place, self.place + count
        if end > 8 * len(self.data):
            raise ValueError("it ends too early")
        self.place = end
        chunk = int.from_bytes(self.data[first // 8 : (end + 7) // 8], "big")
        return chunk >> -end % 8 & (1 << count) - 1
