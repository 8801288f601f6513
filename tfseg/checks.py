"""What is refused before TensorFlow loads, which takes seconds: missing paths and packages,
misspelt names.

The `path` of a flag (`tfseg.flags.flag`) says what its value must be, whichever command it is of.
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfseg.addresses import address_of
from tfseg.checkpoints.kinds import kind_of
from tfseg.config import ExportConfig, LookConfig, NetworkConfig, PredictConfig
from tfseg.errors import UserError, require, unknown
from tfseg.exporting.output import check_free
from tfseg.exporting.support import check_formats
from tfseg.flags import Config
from tfseg.hub_runs import is_on_hub
from tfseg.names import ENCODERS, NETWORKS
from tfseg.pretrained import PRETRAINED, fetch_model, is_pretrained
from tfseg.records.reader import check_exists
from tfseg.runs import RunFolder, find_run
from tfseg.serving.folder import find_versions


def checked(config: Config) -> Config:
    """Checks a config; returns it with `last` and `best` replaced by the runs that they mean.

    Raises:
        UserError: if no network is named, a path does not exist, a package is missing, or a trained
            network cannot be fetched.
    """
    if isinstance(config, ExportConfig):
        check_formats(config.format, config.precision)
    if isinstance(config, LookConfig) and config.crf:
        require("--crf", "scipy", "crf")
    if isinstance(config, NetworkConfig) and not config.source:
        RunFolder(None)  # raises an error that asks for one
    found = {}
    for field in dataclasses.fields(config):
        kind, value = field.metadata["path"], getattr(config, field.name)
        if kind is None or value is None or _is_settled(config, field.name):
            continue
        if field.metadata["fetch"] or not address_of(value):  # others are opened when read
            found[field.name] = KINDS[kind](field.name, value)
    # Last, because it may be a download; `predict` first looks for its images.
    if isinstance(config, NetworkConfig) and not isinstance(config, PredictConfig):
        fetch_model(config)
    return config.replace(**found)


def _is_settled(config, name):
    """Whether a resumed run has its own value instead of a flag's default."""
    return getattr(config, "resume", None) and name not in config.given


def _run(name: str, value: Path) -> Path:
    value = find_run(value, name)
    if not value.is_file():  # a file is one of the run's checkpoints
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
    """A run, a file, or the name of a pretrained network."""
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
        raise UserError(f"--{name}={value} is a file; give a folder")
    RunFolder(value).require_new()
    return value


def _new_folder(name: str, value: Path) -> Path:
    check_free(value)
    return value


def _versions(name: str, value: Path) -> Path:
    find_versions(value)
    return value


def _network(name: str, value: str, others: tuple[str, ...] = ()) -> str:
    # Whoever has loaded the tables may have added a row; there, the network's builder checks.
    if "tfseg.models" not in sys.modules and value not in NETWORKS:
        raise unknown("network", value, [*NETWORKS, *others])
    return value


def _trained(name: str, value: str) -> str:
    """A network, or a trained one that comes with its weights."""
    return value if is_on_hub(value) or value in PRETRAINED else _network(name, value, PRETRAINED)


def _public(name: str, value: str) -> str:
    """A trained network that needs no file."""
    if not is_on_hub(value) and value not in PRETRAINED:
        raise unknown("trained network", value, PRETRAINED)
    return value


def _encoder(name: str, value: str) -> str:
    if "tfseg.encoders" not in sys.modules and value not in ENCODERS:
        raise unknown("encoder", value, ENCODERS)
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
    "network": _network,
    "trained": _trained,
    "public": _public,
    "encoder": _encoder,
}
