"""The meaning of label values: class indices with names and colours, and void."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfseg.errors import UserError

VOID = 255  # label of pixels without a class; they give no loss, no gradient, no metric
MOST_CLASSES = 254
BACKGROUNDS = ("background", "_background_")  # names of the background


@dataclass(frozen=True)
class Labels:
    """The classes of a data set in the order of their indices: names, and RGB colours in 0..255."""

    dataset: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]

    def decided(self, task: str) -> tuple[str, ...]:
        """The classes that have a logit, and perhaps a threshold, in a network for a task."""
        return self.classes[1:] if task == "binary" else self.classes


@dataclass(frozen=True)
class LabelSets:
    """The meaning of label values if a pixel can have several classes.

    Attributes:
        labels: the classes, in the order of their first mention.
        members: bool (S, K), whether a label value includes a class.
    """

    labels: Labels
    members: np.ndarray

    def masks(self, label: np.ndarray) -> np.ndarray:
        """Labels (H, W) -> 0, 1 or void for each class, uint8 (H, W, K)."""
        return self.table[label]

    @property
    def table(self) -> np.ndarray:
        """Uint8 (256, K): label value -> 0, 1 or void for each class."""
        table = np.full((256, self.members.shape[1]), VOID, np.uint8)
        table[: len(self.members)] = self.members
        return table


def label_sets(single: Labels) -> LabelSets:
    """The classes in label names: "crack+rust" means both classes, "background" none.

    Raises:
        UserError: if they name no class.
    """
    members = [
        () if name.lower() in BACKGROUNDS else tuple(name.split("+")) for name in single.classes
    ]
    classes = tuple(dict.fromkeys(name for names in members for name in names))
    if not classes or "" in classes:
        raise UserError(
            f"--task=multilabel: {single.dataset} has the labels {', '.join(single.classes)}; "
            f"wanted class names, joined by + for pixels with several"
        )
    alone = dict(zip(single.classes, single.colors, strict=True))
    spare = palette(len(classes) + 1)[1:]
    colors = tuple(alone.get(name, spare[i]) for i, name in enumerate(classes))
    table = np.array([[name in names for name in classes] for names in members])
    return LabelSets(Labels(single.dataset, classes, colors), table)


def labels_of(info: Any, task: str = "multiclass") -> Labels:
    """The classes of a network for a task, from an `Info` of records or a `DatasetSpec`."""
    labels = Labels(info.name, tuple(info.classes), info.colors)
    return label_sets(labels).labels if task == "multilabel" else labels


def numbered_labels(dataset: str, count: int) -> Labels:
    """Labels for `count` classes with unknown names."""
    return Labels(dataset, tuple(f"class {i}" for i in range(count)), palette(count))


def palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """The first colours of Pascal VOC, which spread the bits of the index over r, g, b."""

    def channel(index, which):
        return sum((index >> 3 * bit + which & 1) << 7 - bit for bit in range(3))

    return tuple(tuple(channel(i, which) for which in range(3)) for i in range(count))


def read_labels(path: Path) -> dict[str, Any]:
    """The contents of a `labels.json`: "classes", "colors", and other keys.

    Raises:
        UserError: if it cannot be read, or its classes or colours are invalid.
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
    """The problem with the classes or colours, or None."""
    if not isinstance(labels, dict):
        return "wanted an object with classes and colors"
    for key in ("classes", "colors"):
        if not isinstance(labels.get(key), list):
            return f"{key} is not a list"
    for index, name in enumerate(labels["classes"]):
        if not is_text(name):
            return f"classes[{index}] is {name!r}; wanted text"
    for index, color in enumerate(labels["colors"]):
        if not _is_color(color):
            return f"colors[{index}] is {color!r}; wanted three whole numbers, 0 to 255"
    counts = len(labels["classes"]), len(labels["colors"])
    if counts[0] != counts[1]:
        return f"{counts[0]} classes and {counts[1]} colors; wanted one color per class"
    if not 1 <= counts[0] <= MOST_CLASSES:
        return f"{counts[0]} classes; wanted 1 to {MOST_CLASSES}"
    return None


def is_text(value: Any) -> bool:
    """Whether a JSON value is text that can be written again, without lone surrogates."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_color(color):
    numbers = isinstance(color, list) and len(color) == 3
    return numbers and all(type(value) is int and 0 <= value <= 255 for value in color)
