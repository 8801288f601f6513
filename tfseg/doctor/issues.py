"""Collects problems of single files; the same problem in many files is one line."""

import re
from collections import Counter
from dataclasses import dataclass

from tfseg.datasets.files import PICTURES

SPOILS, NOTE = True, False
MOST_SHOWN = 20  # kinds of faults; the others are counted


@dataclass(frozen=True)
class Finding:
    """One line; `spoils` marks a problem that harms training, as opposed to a note."""

    spoils: bool
    text: str


class Issues:
    """Issues of single files: those that differ in files and numbers alone are one finding."""

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
    """A message without its files and numbers."""
    return tuple(word for word in _FILE.sub("", message).split() if word.isalpha())
