"""Errors for users: one line with the value, the file or option, and what to do."""

import difflib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfseg.addresses import spelled

DISTRIBUTION = "tfseg-keras"  # name on PyPI, where "tfseg" is another project
_ODD = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # characters that file names may contain
_OPTION = re.compile(r"(?<![\w-])--(?=[a-z])")  # not in a path, "models--timm"


class UserError(ValueError):
    """A user's mistake. It ends a command with one line, exit code 2 and no traceback.

    Messages contain options as typed in a shell, `--size=8x8`. Python users pass keyword arguments
    instead, so `str(error)` says `size=8x8`.

    Attributes:
        typed: the message for the command line.
        option: the first option in the message, for example "size"; None if there is none.
    """

    def __init__(self, message: str) -> None:
        message = one_line(spelled(message))
        super().__init__(_OPTION.sub("", message))
        self.typed = message
        found = re.search(_OPTION.pattern + r"(\w+)", message)
        self.option = found[1] if found else None

    def __reduce__(self):
        return type(self), (self.typed,)  # keeps the dashes between processes


class WorkerLostError(UserError):
    """Another process of a training has ended; the training can continue when all restart."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a command like Ctrl-C, but with another exit code."""


def require(what: str, package: str, extra: str) -> None:
    """Raises `UserError` if a package of an extra is not installed: "--crf needs scipy: ...".

    Args:
        what: what needs the package: "--crf", "serve".
        package: its import name.
        extra: the extra in pyproject.toml that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{what} needs {package.replace('_', '-')}: {install_hint(extra)}")


def install_hint(extra: str) -> str:
    """The command that installs an extra, from the checkout or from PyPI."""
    checkout = (Path(__file__).parents[1] / "pyproject.toml").is_file()
    name = f"-e '.[{extra}]'" if checkout else f"'{DISTRIBUTION}[{extra}]'"
    return f"python -m pip install {name}"


def one_line(text: str) -> str:
    """Escapes line ends and control characters in a text: `a\\nb.png`."""
    return _ODD.sub(lambda odd: ascii(odd[0])[1:-1], text)


MOST_LISTED = 20
# Kinds of names that are too many for one line -> the command that lists them.
LISTS = {"network": "models", "encoder": "models", "trained network": "models --pretrained"}


def unknown(kind: str, name: Any, known: Iterable[str], every: bool = False) -> UserError:
    """The error for an unknown name; it suggests the nearest names.

    Args:
        kind: what is named: "network", "flag".
        name: the given name.
        known: the names in the table.
        every: list all names, even if some are near.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    listed = f"there are: {', '.join(known)}" if known else "there are none"
    if kind in LISTS and len(known) > MOST_LISTED:
        listed = f"`{LISTS[kind]}` lists them"
    hint = f"did you mean {' or '.join(near)}?" if near else listed
    return UserError(f"unknown {kind} {name!r}; {hint}{f' {listed}' if near and every else ''}")
