"""What the numbers in a mask mean: class indices with names and colours, and void."""

from dataclasses import dataclass

VOID = 255  # the label of pixels that are no class: they give no loss, no gradient, no metric
MOST_CLASSES = 254


@dataclass(frozen=True)
class Labels:
    """The classes of a data set, index for index: their names, and RGB colours in 0..255."""

    dataset: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]


def numbered_labels(dataset: str, count: int) -> Labels:
    """Labels for `count` classes whose names are not known."""
    return Labels(dataset, tuple(f"class {i}" for i in range(count)), palette(count))


def palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """The first colours of Pascal VOC's, in which the bits of the index are spread over r, g, b."""

    def channel(index, which):
        return sum((index >> 3 * bit + which & 1) << 7 - bit for bit in range(3))

    return tuple(tuple(channel(i, which) for which in range(3)) for i in range(count))
