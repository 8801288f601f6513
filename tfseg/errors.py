"""What a user got wrong, in one line: the value, the file or option, and the mend."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

_ODD = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # what names of files may hold
_OPTION = re.compile(r"(?<![\w-])--(?=[a-z])")  # not in a path, "models--timm"


class UserError(ValueError):
    """A user's mistake. It ends a command with one line and exit code 2, no traceback.

    Messages are written with options as they are typed in a shell, `--size=8x8`. A Python user
    passes them as keyword arguments, so that `str(error)` says `size=8x8`.

    Attributes:
        typed: the message for the command line.
        option: the first option that the message names, as "size"; None where it names none.
    """

    def __init__(self, message: str) -> None:
        message = one_line(message)
        super().__init__(_OPTION.sub("", message))
        self.typed = message
        found = re.search(_OPTION.pattern + r"(\w+)", message)
        self.option = found[1] if found else None

    def __reduce__(self):
        return type(self), (self.typed,)  # across processes, with its dashes


class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a command as Ctrl-C does; the exit code tells one from the other."""


def one_line(text: str) -> str:
    """A text without line ends and what no terminal shows, as escapes: `a\\nb.png`."""
    return _ODD.sub(lambda odd: ascii(odd[0])[1:-1], text)


def unknown(kind: str, name: Any, known: Iterable[str], every: bool = False) -> UserError:
    """The error for a name that is in no table, with the nearest ones that are.

    Args:
        kind: what was asked for: "network", "flag".
        name: what was given.
        known: the names there are.
        every: list them all, also where some are near.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    listed = f"there are: {', '.join(known)}" if known else "there are none"
    hint = f"did you mean {' or '.join(near)}?" if near else listed
    return UserError(f"unknown {kind} {name!r}; {hint}{f' {listed}' if near and every else ''}")
