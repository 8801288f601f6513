"""What the numbers in a mask mean: class indices with names and colours, and void."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfseg.errors import UserError

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


def read_labels(path: Path) -> dict[str, Any]:
    """The object in a `labels.json`: "classes", "colors", and what else its writer put there.

    Raises:
        UserError: where it cannot be read, or its classes or colours are off.
    """
    try:
        labels = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    fault = _fault(labels)
    if fault:
        raise UserError(f"{path}: {fault}")
    return labels


def _fault(labels):
    """What is wrong with the classes and colours, or None."""
    if not isinstance(labels, dict):
        return "wanted an object with classes and colors"
    for key in ("classes", "colors"):
        if not isinstance(labels.get(key), list):
            return f"{key} is no list"
    for index, name in enumerate(labels["classes"]):
        if not is_text(name):
            return f"classes[{index}] is {name!r}; wanted text"
    for index, color in enumerate(labels["colors"]):
        if not _is_color(color):
            return f"colors[{index}] is {color!r}; wanted three whole numbers, 0 to 255"
    counts = len(labels["classes"]), len(labels["colors"])
    if counts[0] != counts[1]:
        return f"{counts[0]} classes and {counts[1]} colors; wanted as many of both"
    if not 1 <= counts[0] <= MOST_CLASSES:
        return f"{counts[0]} classes; wanted 1 to {MOST_CLASSES}"
    return None


def is_text(value: Any) -> bool:
    """Whether a value from JSON is a text that can be written again: no half of a surrogate."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_color(color):
    numbers = isinstance(color, list) and len(color) == 3
    return numbers and all(type(value) is int and 0 <= value <= 255 for value in color)
