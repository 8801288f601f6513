"""Decodes Label Studio's run-length coding of brush strokes, a bit stream of RGBA pixels.

The header holds the number of decoded bytes (32 bits), the word size minus one (5 bits) and four
length sizes minus one (4 bits each). Every block is a bit that tells whether one value repeats,
2 bits that choose the length size, the length minus one, and one value or that many values.
"""

import numpy as np

from tfseg.errors import UserError

OPAQUE = 128  # pixels with at least this alpha are painted


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
            f"{where}: its rle is not a brush of {height}x{width} pixels (height x width): "
            f"{error}; export it again"
        ) from None
    return values.reshape(height, width, 4)[..., 3] >= OPAQUE


def _values(bits, count, word, lengths):
    values, place = np.empty(count, np.uint8), 0
    while place < count:
        repeats = bits.read(1)
        end = place + 1 + bits.read(lengths[bits.read(2)])
        if end > count:
            raise ValueError("it continues after the last pixel")
        if repeats:
            values[place:end] = bits.read(word)
        else:
            values[place:end] = [bits.read(word) for _ in range(place, end)]
        place = end
    return values


class _Bits:
    """Reads numbers from a stream of bits, highest bit first."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def read(self, count):
        first, end = self.place, self.place + count
        if end > 8 * len(self.data):
            raise ValueError("it ends too early")
        self.place = end
        chunk = int.from_bytes(self.data[first // 8 : (end + 7) // 8], "big")
        return chunk >> -end % 8 & (1 << count) - 1
