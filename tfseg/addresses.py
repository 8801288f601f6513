"""Addresses of remote data, such as s3://bucket/records, and their local mirrors.

Nothing is fetched here: an address and its local path are two names of one thing. Flags are parsed
to the path; messages and saved files use the address.
"""

import os
import re
from pathlib import Path, PurePosixPath

# protocol -> the extra that it needs, or None
PROTOCOLS = {"s3": "s3", "gs": "gcs", "hf": None, "memory": None}
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


def cache_folder() -> Path:
    """The cache folder: TFSEG_CACHE, by default ~/.cache/tfseg."""
    given = os.environ.get("TFSEG_CACHE")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tfseg")
    return Path(given).expanduser().absolute() if given else usual


def place_of(text: str) -> Path:
    """The local path of a path or an address, "s3://bucket/records", or of several, "a,b".

    Raises `ValueError`, which says what is wanted, for an address with an unknown protocol.
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
    """The address that a local path mirrors; None for any other path."""
    text = spelled(str(place))
    return text if _ADDRESS.match(text) and text != str(place) else None


def spelled(text: str) -> str:
    """Replaces paths of mirrors in a text by their addresses."""
    root = str(_mirrors())
    if root not in text:
        return text
    return re.sub(f"{re.escape(root)}/({'|'.join(PROTOCOLS)})/", r"\1://", text)


def _mirrors():
    return cache_folder() / "mirror"
