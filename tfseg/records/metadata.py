"""Parses and checks the JSON metadata of records."""

import json
import re
from typing import Any

from tfseg.datasets.spec import is_plain
from tfseg.errors import UserError
from tfseg.images import MOST_PIXELS
from tfseg.labels import MOST_CLASSES, VOID
from tfseg.records.checksums import SEAL, seal_holds

MOST_EXAMPLES = 10**8  # in a shard
FINITE = 1e300  # limit of finite values; NaN also fails the comparison
MEND = "convert again"


def parse_json(data: bytes, place: str) -> dict[str, Any]:
    """Parses a JSON object in UTF-8. Raises `UserError`, naming `place`."""
    try:
        values = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} cannot be read: {error}; {MEND}") from None
    if not isinstance(values, dict):
        raise UserError(f"{place} does not hold a JSON object; {MEND}")
    return values


def parse_metadata(data: bytes, place: str) -> dict[str, Any]:
    """Parses the metadata of a data set and checks the type of every value.

    Raises `UserError`, naming `place`, for damaged metadata. Earlier versions wrote no checksum
    of the metadata; those are accepted as they are.
    """
    values = parse_json(data, place)
    for key, (fits, wanted) in _WANTED.items():
        if not fits(values.get(key)):
            found = f"is {_short(values[key])}" if key in values else "is missing"
            raise UserError(f"{place}: {key} {found}; wanted {wanted}; {MEND}")
    if len(values["classes"]) != len(values["colors"]):
        raise UserError(
            f"{place} has {len(values['classes'])} classes and {len(values['colors'])} colors; "
            f"{MEND}"
        )
    if SEAL in values and not seal_holds(values):
        raise UserError(
            f"{place} has changed since it was written; {MEND}, or, if you meant the change, "
            f"delete its entry {SEAL!r}"
        )
    return values


def parse_splits(data: bytes, place: str) -> tuple[str, dict[str, list[int]]]:
    """(name, {split: examples of each shard}) of TFDS's `dataset_info.json`. Raises `UserError`."""
    values = parse_json(data, place)
    name, splits = values.get("name"), values.get("splits")
    if not _is_name(name) or not isinstance(splits, list) or not all(map(_is_split, splits)):
        raise UserError(f"{place} lacks a name or a list of splits with shardLengths; {MEND}")
    return name, {split["name"]: [int(n) for n in split["shardLengths"]] for split in splits}


def _is_split(entry):
    lengths = entry.get("shardLengths") if isinstance(entry, dict) else None
    return (
        isinstance(lengths, list)
        and bool(lengths)  # at least one shard, which may be empty
        and _is_name(entry.get("name"))
        and all(re.fullmatch("[0-9]{1,9}", str(n)) and int(n) <= MOST_EXAMPLES for n in lengths)
    )


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _is_text(value):
    return isinstance(value, str) and bool(value) and is_plain(value)


def _is_name(value):
    """Whether `value` can be part of a file name."""
    return _is_text(value) and "/" not in value


def _are_classes(value):
    return isinstance(value, list) and 0 < len(value) <= MOST_CLASSES and all(map(_is_text, value))


def _are_numbers(value, count, low, high):
    return (
        isinstance(value, list)
        and len(value) == count
        and all(type(n) is int and low <= n <= high for n in value)
    )


def _are_colors(value):
    return isinstance(value, list) and all(_are_numbers(color, 3, 0, 255) for color in value)


def _is_size(value):
    return _are_numbers(value, 2, 1, MOST_PIXELS) and value[0] * value[1] <= MOST_PIXELS


def _are_sizes(value):
    return (
        isinstance(value, dict)
        and bool(value)
        and all(map(_is_name, value))
        and all(isinstance(sizes, list) and all(map(_is_size, sizes)) for sizes in value.values())
    )


def _is_range(value):
    if not value:
        return value in (None, [])
    numbers = isinstance(value, list) and [type(n) in (int, float) for n in value] == [True] * 2
    return numbers and -FINITE < value[0] < value[1] < FINITE


def _are_checksums(value):
    return value is None or (
        isinstance(value, dict) and all(_is_name(k) and _is_text(v) for k, v in value.items())
    )


_WANTED = {  # key: (check of a value, description of a valid one)
    "name": (_is_text, "a text"),
    "classes": (_are_classes, f"a list of 1 to {MOST_CLASSES} names"),
    "colors": (_are_colors, "a list of [r, g, b], each 0 to 255"),
    "void": (lambda value: type(value) is int and value == VOID, f"{VOID}"),
    "encoding": (lambda value: value in ("encoded", "raw"), "encoded or raw"),
    "sizes": (_are_sizes, "lists of [height, width] by split"),
    "pixel_range": (_is_range, "two numbers, the smaller first"),
    "checksums": (_are_checksums, "a table of checksums by file"),
}
