"""What is refused before TensorFlow is loaded, which takes seconds: paths that are not there.

The `path` of a flag (`tfseg.flags.flag`) says what its value must be, whichever command it is of.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfseg.addresses import address_of
from tfseg.checkpoints.kinds import kind_of
from tfseg.config import NetworkConfig
from tfseg.errors import UserError
from tfseg.exporting.output import check_free
from tfseg.flags import Config
from tfseg.pretrained import is_pretrained
from tfseg.records.reader import check_exists
from tfseg.runs import RunFolder, find_run
from tfseg.serving.folder import find_versions


def checked(config: Config) -> Config:
    """The config with its runs found (`last`, `best`).

    Raises:
        UserError: where no network is named, and for a path that is none.
    """
    if isinstance(config, NetworkConfig) and not config.source:
        RunFolder(None)  # which asks for one
    found = {}
    for field in dataclasses.fields(config):
        kind, value = field.metadata["path"], getattr(config, field.name)
        if kind is None or value is None or _is_settled(config, field.name):
            continue
        if field.metadata["fetch"] or not address_of(value):  # which is opened where it is read
            found[field.name] = KINDS[kind](field.name, value)
    return config.replace(**found)


def _is_settled(config, name):
    """Whether a run that goes on has its own in place of a flag's default."""
    return getattr(config, "resume", None) and name not in config.given


def _run(name: str, value: Path) -> Path:
    value = find_run(value, name)
    if not value.is_file():  # one of its checkpoints stands for it
        RunFolder(value).config()
    return value


def _runs(name: str, value: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(_run(name, one) for one in value)


def _folders(name: str, value: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(_folder(name, find_run(one, name)) for one in value)


def _records(name: str, value: Path) -> Path:
    check_exists(value)
    return value


def _weights(name: str, value: Path) -> Path:
    """A run, a file, or the name of a public network."""
    value = find_run(value, name)
    if (value / "config.json").is_file():
        RunFolder(value).config()
    elif not is_pretrained(value):
        kind_of(value)
    return value


def _there(name: str, value: Path) -> Path:
    if not value.exists():
        raise UserError(f"--{name}={value} does not exist; check its name")
    return value


def _folder(name: str, value: Path) -> Path:
    if not value.is_dir():
        raise UserError(f"--{name}={value} is not a folder; check its name")
    return value


def _file(name: str, value: Path) -> Path:
    try:
        with open(value, "rb"):
            return value
    except OSError as error:
        raise UserError(f"--{name}={value}: {error.strerror}; check its name") from None


def _new_run(name: str, value: Path) -> Path:
    if value.exists() and not value.is_dir():
        raise UserError(f"--{name}={value} is a file; wanted a folder")
    RunFolder(value).require_new()
    return value


def _new_folder(name: str, value: Path) -> Path:
    check_free(value)
    return value


def _versions(name: str, value: Path) -> Path:
    find_versions(value)
    return value


# What the `path` of a flag can be -> what finds it, or raises `UserError`.
KINDS: dict[str, Callable[[str, Any], Any]] = {
    "run": _run,
    "runs": _runs,
    "folders": _folders,
    "records": _records,
    "weights": _weights,
    "there": _there,
    "folder": _folder,
    "file": _file,
    "new run": _new_run,
    "new folder": _new_folder,
    "versions": _versions,
}
