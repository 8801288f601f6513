"""Lists, reads, writes and removes files at addresses through fsspec, with one kind of error."""

import glob
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from tfseg import atomic
from tfseg.addresses import PROTOCOLS
from tfseg.errors import UserError, install_hint

# One attempt to connect, so that errors show at once; `attempted` tries again later.
OPTIONS = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 4,
            "read_timeout": 30,
            "retries": {"total_max_attempts": 1},
        },
        "use_listings_cache": False,
    },
    "gs": {"use_listings_cache": False},
    "hf": {"use_listings_cache": False},
}
WAITS = (0.5, 1, 2, 4, 8)  # seconds between attempts at a file, once the address has answered
ANSWER = 5.0  # seconds for a server's first answer; some libraries wait for minutes
_systems: dict[str, Any] = {}  # by protocol, because fsspec's own cache is per thread
STAMPS = ("ETag", "etag", "generation", "blob_id", "LastModified", "last_modified", "created")
_FINAL = (FileNotFoundError, PermissionError, UserError)  # another attempt does not help


class Moved(UserError):  # noqa: N818 - it says what happened
    """A file that was listed at an address is gone or has changed."""


@dataclass(frozen=True)
class Stored:
    """A file at an address: its bytes, and a stamp that changes with its content."""

    size: int
    stamp: str


def listing(address: str) -> dict[str, Stored]:
    """{relative name: `Stored`} of the files at an address; a file's own name is "".

    An address may be a pattern, such as s3://bucket/photos/*.jpg. Returns {} if nothing is there.
    Raises `UserError` if it cannot be listed.
    """
    system = _filesystem(address)
    system.invalidate_cache()
    if glob.has_magic(address):
        found = _asked(lambda: system.glob(address, detail=True), address)
    else:
        found = _asked(lambda: _find(system, address), address)
    root = system._strip_protocol(pattern_root(address)).rstrip("/")
    files = {}
    for name, info in found.items():
        if info["type"] != "file" or name.endswith("/"):  # folder markers of web consoles
            continue
        relative = name.removeprefix(root).removeprefix("/")
        if relative and any(part in ("", ".", "..") for part in relative.split("/")):
            raise UserError(f"{address} holds {name!r}, an impossible local file name; rename it")
        files[relative] = _stored(info)
    return files


def pattern_root(address: str) -> str:
    """The part of an address before the first folder or name with a wildcard."""
    parts = address.split("/")
    plain = [i for i, part in enumerate(parts) if glob.has_magic(part)]
    return "/".join(parts[: plain[0]]) if plain else address


def _find(system, address):
    found = system.find(address, detail=True)
    if not found and not system.exists(address):
        bucket = "/".join(address.split("/")[:3])
        if not address.startswith("memory:") and not system.exists(bucket):
            raise FileNotFoundError(bucket)
    return found


def stored(address: str) -> Stored:
    """The current state of one file. Raises `UserError` if it is missing."""
    system = _filesystem(address)
    system.invalidate_cache()
    return _stored(attempted(lambda: system.info(address), address))


def read(address: str, file: Path) -> None:
    """Downloads an address into a local file."""
    attempted(lambda: _filesystem(address).get_file(address, str(file)), address)


def content(address: str) -> bytes:
    """The bytes of a small file."""
    return attempted(lambda: _filesystem(address).cat_file(address), address)


def read_range(address: str, start: int, end: int) -> bytes:
    """The bytes from `start` to `end` of a file."""
    return attempted(lambda: _filesystem(address).cat_file(address, start=start, end=end), address)


def write(file: Path, address: str) -> Stored:
    """Uploads a local file to an address, where it appears completely; large ones in parts."""
    system = _filesystem(address)
    attempted(lambda: system.put_file(str(file), address), address)
    return stored(address)


def remove(address: str) -> None:
    """Removes one file."""
    attempted(lambda: _filesystem(address).rm_file(address), address)


def attempted(work: Callable[[], Any], address: str) -> Any:
    """The result of `work`, with several attempts. Raises `UserError`."""
    for wait in WAITS:
        try:
            return work()
        except Exception as error:  # every file system has its own errors
            if isinstance(error, _FINAL) or _is_local(error) or atomic.full_disk(error):
                raise _told(error, address) from None
        time.sleep(wait)
    return _asked(work, address)


def _asked(work, address):
    """As `attempted`, but once, so that an unreachable address shows within seconds."""
    try:
        return work()
    except Exception as error:  # as above
        raise _told(error, address) from None


def _is_local(error):
    """Whether this machine's disk is at fault, which `atomic` reports."""
    return isinstance(error, OSError) and getattr(error, "filename", None) is not None


def _told(error, address):
    """The `UserError` of an error; an error of this machine's disk stays unchanged."""
    if isinstance(error, UserError) or (_is_local(error) and not isinstance(error, _FINAL)):
        return error
    kind, text = type(error).__name__, " ".join(str(error).split())[:160]
    if isinstance(error, FileNotFoundError):
        return Moved(f"{address} is not there ({text}); check the bucket and the name")
    if isinstance(error, PermissionError) or "Credentials" in kind:
        return UserError(f"{address} may not be used ({text or kind}); check the credentials")
    if "Connect" in kind or "Timeout" in kind or isinstance(error, ConnectionError | TimeoutError):
        return UserError(
            f"{address} cannot be reached ({text or kind}); check the network and the endpoint"
        )
    return UserError(f"{address} cannot be used ({kind}: {text}); check the address")


def _filesystem(address):
    """The file system of an address; raises an error if its server does not answer in time."""
    protocol = address.partition("://")[0]
    if protocol not in _systems:
        kind, answer = _kind(protocol, address), Queue()
        Thread(target=_knock, args=(kind, protocol, address, answer), daemon=True).start()
        try:
            found = answer.get(timeout=ANSWER)
        except Empty:
            raise UserError(
                f"{address} cannot be reached (no answer within {ANSWER:g} s); check the network "
                f"and the endpoint"
            ) from None
        if isinstance(found, Exception):
            raise found
        _systems[protocol] = found
    return _systems[protocol]


def _kind(protocol, address):
    """fsspec's class for a protocol."""
    try:
        import fsspec

        return fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        extra = PROTOCOLS[protocol]
        hint = install_hint(extra) if extra else f"python -m pip install {error.name}"
        raise UserError(f"{address} needs a package that is not installed: {hint}") from None


def _knock(kind, protocol, address, answer):
    """Puts a file system, or the `UserError` of its first request, into a queue."""
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # its errors are reported here
    try:
        system = kind(**OPTIONS.get(protocol, {}))
        system.exists(pattern_root(address))
        answer.put(system)
    except Exception as error:  # as above
        answer.put(_told(error, address))


def _stored(info):
    key = next((key for key in STAMPS if info.get(key)), None)
    value = info.get(key)
    if isinstance(value, datetime):  # `memory` returns one time in two types
        value = value.timestamp()
    return Stored(int(info["size"]), f"{key}={value}")
