"""Keeps the mirror of an address current, for a server's versions."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfseg.addresses import address_of
from tfseg.errors import UserError
from tfseg.storage.mirror import fetch

EVERY = 10.0  # seconds between two checks


@contextmanager
def following(place: Path | None) -> Iterator[None]:
    """Inside, a thread fetches what is new at the address of `place`; ignores other paths."""
    ending = threading.Event()

    def follow():
        told = None
        while not ending.wait(EVERY):
            try:
                fetch(place)
                told = None
            except UserError as error:
                if told is None:
                    print(f"warning: {error.typed}", file=sys.stderr, flush=True)
                told = error

    thread = threading.Thread(target=follow, name="following", daemon=True)
    if place and address_of(place):
        thread.start()
    try:
        yield
    finally:
        ending.set()
