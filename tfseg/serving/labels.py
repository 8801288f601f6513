"""Reads an export's `labels.json` and checks all of it."""

import math

from tfseg.decision import TASKS
from tfseg.labels import is_text, read_labels


def read_facts(path):
    """The result of `read_labels` with the network's facts for `/info` and its image limits.

    Raises `ValueError`, in one line, for an invalid file.
    """
    labels = read_labels(path)
    facts = {key: labels.get(key, "") for key in ("model", "dataset")}
    for key, value in facts.items():
        if not is_text(value):
            raise ValueError(f"labels.json: {key} is {value!r}; wanted text")
    smallest = labels.get("smallest", 1)  # older exports lack it
    if type(smallest) is not int or smallest < 1:
        raise ValueError(f"labels.json: smallest is {smallest!r}; wanted pixels, 1 or more")
    task = labels.get("task", "multiclass")
    if task not in TASKS:
        raise ValueError(f"labels.json: task is {task!r}; wanted one of {', '.join(TASKS)}")
    known = {"smallest": smallest, "task": task, "pixel_range": _range(labels.get("pixel_range"))}
    return {**labels, **facts, **known}


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
