"""Fetches a command's inputs before it, and publishes its outputs after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from tfseg.addresses import address_of
from tfseg.flags import Config
from tfseg.storage.mirror import fetch
from tfseg.storage.publish import publish


@contextmanager
def local(config: Config) -> Iterator[None]:
    """Makes the addresses in a config's flags local; see `fetch` and `publish` of `flags.flag`.

    Raises `UserError` if an address cannot be reached or written.
    """
    for place in _places(config, "fetch"):
        fetch(place)
    yield
    for place in _places(config, "publish"):
        publish(place)


def _places(config, fact):
    """Yields the values that mirror an address, of flags with a fact."""
    for field in fields(config):
        value = getattr(config, field.name)
        for path in value if isinstance(value, tuple) else (value,):
            if field.metadata[fact] and isinstance(path, Path) and "," in str(path):
                yield from (part for part in map(Path, str(path).split(",")) if address_of(part))
            elif field.metadata[fact] and isinstance(path, Path) and address_of(path):
                yield path
