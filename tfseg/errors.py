"""What a user got wrong, in one line: the value, the file or flag, and the mend."""

import difflib


class UserError(Exception):
    """Ends a command with its message on one line and exit code 2, no traceback."""


def unknown(kind: str, name: str, known) -> UserError:
    """The error for a name that is in no table, with the nearest ones that are.

    `kind` is what was asked for ("network", "flag"), `known` the names there are.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    every = f"there are: {', '.join(known)}" if known else "there are none"
    hint = f"did you mean {' or '.join(near)}?" if near else every
    return UserError(f"unknown {kind} {name!r}; {hint}")
