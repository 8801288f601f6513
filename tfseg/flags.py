"""Flags as fields of frozen dataclasses: read from text, checked on creation, saved as JSON."""

import dataclasses
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tfseg.errors import UserError


def size(text):
    """Text like "360x480" -> (360, 480): height times width in pixels."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(map(int, match.groups())):
        raise ValueError("a size like 360x480 (height x width, pixels)")
    return tuple(map(int, match.groups()))


def gpus(text):
    """Text like "0,1" -> (0, 1); "-1" -> (): the CPU."""
    if text == "-1":
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError("GPU numbers like 0 or 0,1, or -1 for the CPU")
    numbers = tuple(int(number) for number in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise ValueError("each GPU number once")
    return numbers


def span(text):
    """Text like "0.6,1.8" -> (0.6, 1.8)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ValueError("two numbers like 0.6,1.8") from None
    if not 0 < low <= high:
        raise ValueError("two numbers above zero, the smaller first, like 0.6,1.8")
    return low, high


def names(text):
    """Text like "train,val" -> ("train", "val")."""
    every = tuple(text.split(","))
    if not all(every) or len(set(every)) < len(every):
        raise ValueError("names like train,val, each once")
    return every


def folders(text):
    """Text like "runs/a,runs/b" -> their paths."""
    every = tuple(map(Path, text.split(",")))
    if not all(text.split(",")) or len(set(every)) < len(every):
        raise ValueError("folders like runs/a,runs/b, each once")
    return every


def page_file(text):
    """Text like "report.html" -> its path, which no folder has."""
    if Path(text).is_dir():
        raise ValueError("a file like report.html, and that is a folder")
    return Path(text)


def numbers(text):
    """Text like "2,0.5" -> (2.0, 0.5)."""
    try:
        every = tuple(map(float, text.split(",")))
    except ValueError:
        every = ()
    if not every or min(every) <= 0:
        raise ValueError("numbers above zero like 2,1")
    return every


def count_or_all(text):
    """Text like "3" -> 3; "all" stays."""
    if text != "all" and not (text.isdecimal() and int(text) >= 1):
        raise ValueError("a number from 1 up, or all")
    return text if text == "all" else int(text)


def switch(text):
    """Text "True" or "False" -> bool."""
    if text.lower() not in ("true", "false"):
        raise ValueError("True or False")
    return text.lower() == "true"


_WANTED = {int: "a whole number", float: "a number", Path: "a path", str: "a word"}


def flag(default, help, parse=str, *, choices=None, low=None, high=None):
    """A dataclass field that a flag fills: `parse` reads its text, the bounds are inclusive."""
    extra = {"help": help, "parse": parse, "choices": choices, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=extra)


@dataclass(frozen=True)
class Config:
    """Shared by the commands: reading flags, checking values, JSON."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @classmethod
    def parse(cls, flags):
        """Flags as text, name -> value, to a config. Raises `UserError` for a value that is off."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        return cls(**{name: _parse(fields[name], text) for name, text in flags.items()})

    @classmethod
    def load(cls, path):
        """The config saved at `path`. Raises `UserError` where it is not one."""
        try:
            values = json.loads(Path(path).read_text())
            fields = {field.name: field for field in dataclasses.fields(cls)}
            return cls(**{name: _from_json(fields[name], v) for name, v in values.items()})
        except FileNotFoundError:
            raise UserError(
                f"{Path(path).parent} is not a run: it has no {Path(path).name}"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is not a run's config: {error!r}") from None

    def save(self, path):
        """Writes JSON, whole or not at all."""
        partial = Path(path).with_name(f".{Path(path).name}")
        partial.write_text(json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n")
        os.replace(partial, path)


def _parse(field, text):
    parse = field.metadata["parse"]
    try:
        return parse(str(text))
    except ValueError as error:
        wanted = _WANTED.get(parse, str(error))
        raise UserError(f"--{field.name}={text}: wanted {wanted}") from None


def _from_json(field, value):
    if isinstance(value, list):
        return tuple(value)
    return Path(value) if field.metadata["parse"] is Path and value is not None else value


def _check(field, value):
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"--{field.name}={value}: must be a finite number")
    if choices and value not in choices:
        raise UserError(f"--{field.name}={value}: choose one of {', '.join(map(str, choices))}")
    if low is not None and value < low:
        raise UserError(f"--{field.name}={value}: must be {low} or more")
    if high is not None and value > high:
        raise UserError(f"--{field.name}={value}: must be {high} or less")
