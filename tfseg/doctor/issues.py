"""Collects problems of single files; the same problem in several files is one line."""

import re
from collections import Counter
from dataclasses import dataclass

from tfseg.datasets.files import PICTURES

SPOILS, NOTE = True, False
MOST_SHOWN = 20  # kinds of faults shown; the others are counted


@dataclass(frozen=True)
class Finding:
    """One line of the report; `spoils` marks a problem, as opposed to a note."""

    spoils: bool
    text: str


class Issues:
    """Problems of single files; those that differ only in files and numbers are one finding."""

    def __init__(self):
        self._first, self._count = {}, Counter()

    def add(self, message, spoils=SPOILS):
        key = (spoils, _words(message))
        self._first.setdefault(key, message)
        self._count[key] += 1

    def findings(self):
        found = []
        for key, message in self._first.items():
            more = self._count[key] - 1
            found.append(Finding(key[0], message + (f" (and {more} more like it)" if more else "")))
        if len(found) > MOST_SHOWN:
            rest = found[MOST_SHOWN:]
            text = f"{len(rest)} more kinds of problems; fix these first"
            found = [*found[:MOST_SHOWN], Finding(any(f.spoils for f in rest), text)]
        return found


_FILE = re.compile(rf"\S*/[^;]*?({'|'.join(map(re.escape, PICTURES))})\b", re.IGNORECASE)


def _words(message):
    """The words of a message, without files and numbers."""
    return tuple(word for word in _FILE.sub("", message).split() if word.isalpha())
