"""Addresses of data that lies elsewhere, as s3://bucket/records, and where they are mirrored here.

Nothing is fetched here: an address and its local place are two spellings of one name. Flags are
read to the place, and what is told or saved is spelled as the address.
"""

import os
import re
from pathlib import Path, PurePosixPath

# protocol: the extra that it needs, or None.
PROTOCOLS = {"s3": "s3", "gs": "gcs", "hf": None, "memory": None}
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


def cache_folder() -> Path:
    """Where mirrors lie: TFSEG_CACHE, by default ~/.cache/tfseg."""
    given = os.environ.get("TFSEG_CACHE")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tfseg")
    return Path(given).expanduser().absolute() if given else usual


def place_of(text: str) -> Path:
    """The local place of a path, or of an address as "s3://bucket/records"; of several as "a,b".

    Raises `ValueError`, with what is wanted, for an address that is none of `PROTOCOLS`.
    """
    if not _ADDRESS.match(text) and ("://" not in text or Path(text).exists()):
        return Path(text).expanduser()
    return Path(",".join(str(_place(part.strip())) for part in text.split(",")))


def _place(text):
    match = _ADDRESS.fullmatch(text)
    if not match:
        return Path(text).expanduser()
    protocol, rest = match.groups()
    parts = rest.strip("/").split("/")
    if protocol not in PROTOCOLS:
        known = ", ".join(f"{name}://" for name in PROTOCOLS)
        raise ValueError(f"a path, or an address with one of {known}")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"an address like {protocol}://bucket/folder")
    return _mirrors() / protocol / PurePosixPath(*parts)


def address_of(place: str | Path) -> str | None:
    """The address that a local place mirrors; None for any other path."""
    text = spelled(str(place))
    return text if _ADDRESS.match(text) and text != str(place) else None


def spelled(text: str) -> str:
    """A text in which places that mirror an address are spelled as the address."""
    root = str(_mirrors())
    if root not in text:
        return text
    return re.sub(f"{re.escape(root)}/({'|'.join(PROTOCOLS)})/", r"\1://", text)


def _mirrors():
    return cache_folder() / "mirror"
