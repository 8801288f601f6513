"""An export's `labels.json`, believed only when all of it is right."""

import json
import math


def read_labels(path):
    """{"classes", "colors", ...} of the file. Raises `ValueError`, in one line, where it is off."""
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"labels.json cannot be read: {error}") from None
    if not isinstance(labels, dict):
        raise ValueError("labels.json is no object")
    for key in ("classes", "colors"):
        if not isinstance(labels.get(key), list):
            raise ValueError(f"labels.json: {key} is no list")
    for index, name in enumerate(labels["classes"]):
        if not isinstance(name, str) or not _is_text(name):
            raise ValueError(f"labels.json: classes[{index}] is {name!r}; wanted text")
    for index, color in enumerate(labels["colors"]):
        if not _is_color(color):
            raise ValueError(
                f"labels.json: colors[{index}] is {color!r}; wanted three whole numbers, 0 to 255"
            )
    if len(labels["classes"]) != len(labels["colors"]):
        counts = f"{len(labels['classes'])} classes and {len(labels['colors'])} colors"
        raise ValueError(f"labels.json has {counts}; wanted as many of both")
    return {**labels, **_facts(labels)}


def _facts(labels):
    """What `/info` tells of the network, and what it asks of an image."""
    facts = {key: labels.get(key, "") for key in ("model", "dataset")}
    for key, value in facts.items():
        if not isinstance(value, str) or not _is_text(value):
            raise ValueError(f"labels.json: {key} is {value!r}; wanted text")
    smallest = labels.get("smallest", 1)  # which older exports do not have
    if type(smallest) is not int or smallest < 1:
        raise ValueError(f"labels.json: smallest is {smallest!r}; wanted pixels, 1 or more")
    return {**facts, "smallest": smallest, "pixel_range": _range(labels.get("pixel_range"))}


def _range(values):
    """The values that become 0 and 255 in images of more than 8 bits, or None."""
    if values is None:
        return None
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not (numbers and len(values) == 2 and values[0] < values[1] < math.inf):
        raise ValueError(
            f"labels.json: pixel_range is {values!r}; wanted two numbers, low and high"
        )
    return tuple(values)


def _is_text(value):
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_color(color):
    numbers = isinstance(color, list) and len(color) == 3
    return numbers and all(type(value) is int and 0 <= value <= 255 for value in color)
