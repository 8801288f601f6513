"""Flags as fields of frozen dataclasses: read from text, checked on creation, saved as JSON.

A flag carries every fact about itself: help, parser, bounds, group, and what may be done with it.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfseg import atomic
from tfseg.addresses import spelled
from tfseg.errors import UserError, unknown
from tfseg.parsing import gpus, page_file, path, size

_WANTED = {int: "a whole number", float: "a number", str: "a word"}
_TEXTS = (str, path, page_file)


def flag(
    default: Any,
    help: str,
    parse: Callable[[str], Any] = str,
    *,
    choices: tuple | None = None,
    table: str | None = None,
    low: float | None = None,
    high: float | None = None,
    group: str | None = None,
    resumable: bool = False,
    silent: bool = False,
    null: Any = None,
    fetch: bool = True,
    publish: bool = False,
    path: str | None = None,
) -> Any:
    """A dataclass field that a flag fills.

    Args:
        default: its value if it is not given.
        help: one line of help.
        parse: parses its text; a `ValueError` says what was wanted.
        choices: the values that it may have.
        table: the source of the names in `choices`, e.g. "tfseg.losses:LOSSES"; a test compares.
        low, high: its bounds, inclusive.
        group: its group, see `Config.group`.
        resumable: it may change when a run is resumed: paths, and how the run executes.
        silent: it does not distinguish runs, for example a path.
        null: meaning of null in the JSON of an earlier version, where that was the default.
        fetch, publish: an address is fetched before the command, or uploaded after it.
        path: check of its value before TensorFlow loads, a key of `tfseg.checks.KINDS`.
    """
    facts = {
        "help": help, "parse": parse, "choices": choices, "table": table, "low": low, "high": high,
        "group": group, "resumable": resumable, "silent": silent, "null": null, "fetch": fetch,
        "publish": publish, "path": path,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=facts)


@dataclass(frozen=True)
class Config:
    """Base of all configs: parses flags, checks values, reads and writes JSON."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field.name, field, getattr(self, field.name))

    @classmethod
    def of(cls, **values: Any) -> Self:
        """A config from flags as text or as Python values; None means the default.

        Raises `UserError` for an unknown flag or an invalid value.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise unknown("option", f"--{name}", [f"--{known}" for known in fields])
        given = {name: value for name, value in values.items() if value is not None}
        config = cls(**{name: read(name, fields[name], value) for name, value in given.items()})
        object.__setattr__(config, "_given", frozenset(given))
        return config

    @classmethod
    def load(cls, path: Path) -> Self:
        """The config saved at `path`. Raises `UserError` if it is not one."""
        path = Path(path)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{path.parent} is not a run: it has no {path.name}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path} cannot be read: {error}") from None
        if not isinstance(values, dict):
            raise UserError(f"{path} is not a run's config: wanted an object of flags")
        try:
            return cls.parse(values)
        except UserError as error:
            raise UserError(f"{path}: {error.typed}") from None

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """The config of a JSON object from `save`. Raises `UserError` if it is invalid."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise unknown("flag", name, fields)
        return cls(**{name: _from_json(fields[name], v) for name, v in values.items()})

    def replace(self, **values: Any) -> Self:
        """The config with other values; `given` stays the same."""
        config = dataclasses.replace(self, **values)
        object.__setattr__(config, "_given", self.given)
        return config

    def check(self) -> None:
        """Raises `UserError` if flags exclude each other or one is missing."""

    def save(self, path: Path) -> None:
        """Writes JSON completely or not at all, with addresses instead of local mirrors."""
        text = json.dumps(dataclasses.asdict(self), indent=2, default=lambda v: spelled(str(v)))
        atomic.write_text(path, text + "\n")

    @property
    def given(self) -> frozenset[str]:
        """Names of the given flags, including those given with their default value."""
        return vars(self).get("_given", frozenset(self.changed()))

    def changed(self) -> dict[str, Any]:
        """Name -> value of the flags that differ from their defaults."""
        fields = ((f.name, f.default) for f in dataclasses.fields(self))
        return {name: getattr(self, name) for name, usual in fields if getattr(self, name) != usual}

    def texts(self) -> dict[str, str]:
        """Name -> text of the given flags, as typed and with addresses; `of` reads them back."""
        fields = (field for field in dataclasses.fields(self) if field.name in self.given)
        return {f.name: spelled(spell(f, getattr(self, f.name))) for f in fields}

    def group(self, group: str) -> dict[str, Any]:
        """Name -> value of the flags of a group."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["group"] == group
        }

    @classmethod
    def having(cls, fact: str) -> set[str]:
        """Names of the flags for which a fact is true: "resumable", "silent"."""
        return {field.name for field in dataclasses.fields(cls) if field.metadata[fact]}


def read(name: str, field: dataclasses.Field, value: Any) -> Any:
    """The value of a flag, given as text or as a Python value. Raises `UserError`."""
    text, parse = spell(field, value), field.metadata["parse"]
    try:
        value = parse(text)
    except ValueError as error:
        wanted = _WANTED.get(parse, str(error))
        raise UserError(f"--{name}={text}: wanted {wanted}") from None
    _check(name, field, value)
    return value


def spell(field: dataclasses.Field, value: Any) -> str:
    """A flag's value as typed."""
    if isinstance(value, list | tuple):
        if not value and field.metadata["parse"] is gpus:
            return "-1"
        return ("x" if field.metadata["parse"] is size else ",").join(map(str, value))
    return str(value)


def _from_json(field, value):
    if value is None and (field.default is None or field.metadata["null"] is not None):
        return field.metadata["null"]
    if field.metadata["parse"] in _TEXTS and not isinstance(value, str):
        raise UserError(f"--{field.name}={value!r}: wanted text")
    if isinstance(value, list) != (field.type is tuple):
        wanted = "a list" if field.type is tuple else "one value"
        raise UserError(f"--{field.name}={value!r}: wanted {wanted}")
    return read(field.name, field, value)


def _check(name, field, value):
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"--{name}={value}: must be a finite number")
    for one in value if isinstance(value, tuple) else (value,):
        if choices and one not in choices:
            raise UserError(f"--{name}={one}: choose one of {', '.join(map(str, choices))}")
    if low is not None and value < low:
        raise UserError(f"--{name}={value}: must be {low} or more")
    if high is not None and value > high:
        raise UserError(f"--{name}={value}: must be {high} or less")
