"""Reads a user's table of classes: `classes.csv`, `class_dict.csv` or `dataset.toml`."""

import csv
import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tfseg.datasets.files import read_bytes
from tfseg.datasets.spec import is_plain
from tfseg.errors import UserError

TOML = "dataset.toml"
TABLES = (TOML, "classes.csv", "class_dict.csv")
NO_CLASS = {"void", "ignore", "unlabeled", "unlabelled"}
SETTINGS = ("name", "masks", "mask_folder", "image_folder", "mask_name")
COLUMNS = {  # accepted names of each column
    "name": ("name", "class", "class_name", "classname", "label"),
    "r": ("r", "red"),
    "g": ("g", "green"),
    "b": ("b", "blue"),
    "value": ("value", "id", "index"),
}
HEADER = "its first line should be name,r,g,b (and value if needed)"


@dataclass(frozen=True)
class Row:
    """A class of the table; `color` and `value` are None if the table has none."""

    name: str
    color: tuple[int, int, int] | None
    value: int | None

    @property
    def void(self) -> bool:
        return self.name.lower() in NO_CLASS


def table_of(source: Path) -> Path | None:
    """The file in a folder that lists its classes, or None."""
    found = (source / name for name in TABLES if (source / name).is_file())
    return next((path for path in found if path.name != TOML or _read_toml(path)[1]), None)


def read_table(path: Path) -> tuple[dict, list[Row]]:
    """(settings of the `dataset.toml` in the table's folder, rows of the table).

    Raises:
        UserError: for an invalid table, with the line and its content.
    """
    settings, rows = _read_settings(path.parent)
    if path.suffix != ".toml":
        rows = _read_csv(path)
    _check(path, rows)
    return settings, rows


def read_settings(source: Path) -> dict:
    """The settings of a folder's `dataset.toml`, empty if there is none. Raises `UserError`."""
    return _read_settings(source)[0]


def _read_settings(source):
    toml = source / TOML
    return _read_toml(toml) if toml.is_file() else ({}, [])


def _text(path):
    """The text of a file in UTF-8, UTF-16 or Windows-1252, as spreadsheets write."""
    data = read_bytes(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data[:64]:
        encoding = "utf-16-be" if data.startswith(b"\0") else "utf-16-le"
    else:
        encoding = "utf-8-sig" if _is_utf8(data) else "cp1252"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {error}; save it as text in UTF-8") from None


def _is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_toml(path):
    try:
        settings = tomllib.loads(_text(path))
    except UserError:
        raise
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError
        raise UserError(f"{path}: {error}; correct it") from None
    for key in settings.keys() - {*SETTINGS, "class"}:
        raise UserError(
            f"{path}: unknown key {key!r}; allowed: name, masks, mask_folder, image_folder, "
            f"mask_name and [[class]]"
        )
    for key in SETTINGS:
        if not isinstance(settings.get(key, ""), str):
            raise UserError(f"{path}: {key} = {settings[key]!r}; wanted a text in quotes")
    if settings.get("masks", "indices") not in ("indices", "colors"):
        raise UserError(f"{path}: masks = {settings['masks']!r}; wanted indices or colors")
    if "{}" not in settings.get("mask_name", "{}"):
        raise UserError(
            f"{path}: mask_name = {settings['mask_name']!r}; wanted {{}} for the image's name, "
            f'e.g. "{{}}_mask"'
        )
    entries = settings.pop("class", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: class is not a list of tables; start each with [[class]]")
    for i, entry in enumerate(entries, 1):
        for key in entry.keys() - {"name", "color", "value"}:
            raise UserError(
                f"{path}, class {i}: unknown key {key!r}; allowed: name, color and value"
            )
    rows = [_row(f"{path}, class {i}", e, e.get("color")) for i, e in enumerate(entries, 1)]
    return settings, rows


def _read_csv(path):
    lines = [(i, line) for i, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    delimiter = None
    if lines and (told := re.fullmatch(r"sep=(.)", lines[0][1].strip())):  # a spreadsheet's hint
        delimiter, lines = told[1], lines[1:]
    if not lines:
        return []
    delimiter = delimiter or _delimiter(lines[0][1])
    try:
        cells = csv.reader([line for _, line in lines], delimiter=delimiter, skipinitialspace=True)
        cells = [[cell.strip() for cell in line] for line in cells]
    except csv.Error as error:
        raise UserError(f"{path}: {error}") from None
    columns = _columns(path, cells[0], lines[0][1])
    rows = []
    for (number, line), found in zip(lines[1:], cells[1:], strict=False):
        if any(found):
            rows.append(_csv_row(f"{path}, line {number}", line, len(cells[0]), columns, found))
    return rows


def _delimiter(header):
    best = max(",;\t|", key=header.count)
    if best in header:
        return best
    return " " if len(header.split()) > 1 else ","


def _columns(path, header, line):
    """{column: index} of the `COLUMNS` in a header."""
    header = [cell.lower() for cell in header]
    columns = {}
    for column, names in COLUMNS.items():
        place = next((header.index(name) for name in names if name in header), None)
        if place is not None:
            columns[column] = place
    if "name" not in columns:
        raise UserError(f"{path}: {HEADER}, not {line.strip()[:60]!r}")
    for cell in set(header) - {name for names in COLUMNS.values() for name in names}:
        near = difflib.get_close_matches(cell, [*COLUMNS, "red", "green", "blue"], 1, 0.75)
        if near and len(cell) > 1:
            raise UserError(f"{path}: unknown column {cell!r}; did you mean {near[0]}?")
    return columns


def _csv_row(place, line, width, columns, cells):
    if any(cells[width:]):
        raise UserError(
            f"{place}: {line.strip()[:60]!r} has more cells than the first line; put quotes around "
            f"a name with a comma"
        )
    entry = {key: cells[i] for key, i in columns.items() if i < len(cells) and cells[i]}
    color = [entry.pop(key) for key in "rgb" if key in entry]
    try:
        return _row(place, entry, color or None)
    except UserError:
        raise UserError(f"{place}: {_WANTED}, not {line.strip()[:60]!r}") from None


_WANTED = "wanted a name, three numbers 0 to 255 (r, g, b) and optionally a value"


def _row(place, entry, color):
    try:
        color = None if color is None else tuple(map(_number, color))
        value = _number(entry["value"]) if "value" in entry else None
        numbers = (*(color or ()), *(() if value is None else (value,)))
        if len(color or (0, 0, 0)) != 3 or not all(0 <= n <= 255 for n in numbers):
            raise ValueError
        name = entry["name"]
        if type(name) not in (str, int, float) or not is_plain(str(name)):
            raise ValueError
        return Row(str(name), color, value)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise UserError(f"{place}: {_WANTED}, not {str(entry)[:99]}") from None


def _number(text):
    """Parses a whole number, also 120.0 as spreadsheets may write it."""
    if isinstance(text, bool):
        raise ValueError
    number = float(text)
    if number != int(number):
        raise ValueError
    return int(number)


def _check(path, rows):
    if sum(not row.void for row in rows) < 2:
        raise UserError(f"{path} names fewer than two classes")
    for what in ("name", "color", "value"):
        seen = {}
        for row in rows:
            key = getattr(row, what)
            if key is not None and key in seen:
                raise UserError(f"{path}: {seen[key]} and {row.name} have the same {what} {key}")
            seen[key] = row.name
