"""Colours for classes that bring none."""


def palette(count):
    """The first colours of Pascal VOC's, in which the bits of the index are spread over r, g, b."""

    def channel(index, which):
        return sum((index >> 3 * bit + which & 1) << 7 - bit for bit in range(3))

    return tuple(tuple(channel(i, which) for which in range(3)) for i in range(count))
