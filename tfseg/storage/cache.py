"""The cache of mirrored files: a note on each, and a limit on their total size.

A file's note (its address, size, time and the remote stamp) is in its own folder. A file without
a note was made here and never published. It is not a copy, so it is never dropped.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from tfseg import atomic
from tfseg.addresses import address_of, cache_folder, place_of
from tfseg.errors import UserError
from tfseg.storage.remote import Stored

GIGABYTE = 10**9
USUAL_LIMIT = 50  # gigabytes
_ONE = threading.Lock()  # one thread of this process makes room at a time
_reserved: dict[Path, int] = {}  # bytes that this process is about to fetch, by place
LOCK = ".lock"  # in a folder that a process writes, see `tfseg.runs`
WRITTEN: set[Path] = set()  # folders that this process writes and uploads


def limit() -> int:
    """Most bytes in the cache: TFSEG_CACHE_GB, by default 50 GB. Raises `UserError`."""
    text = os.environ.get("TFSEG_CACHE_GB", USUAL_LIMIT)
    try:
        bytes = int(float(text) * GIGABYTE)
    except (ValueError, OverflowError):
        bytes = -1
    if bytes < 0:
        raise UserError(f"TFSEG_CACHE_GB={text}: wanted a number of gigabytes, e.g. 50")
    return bytes


def is_current(place: Path, stored: Stored, file: Path | None = None) -> bool:
    """Whether a mirrored file, or its copy `file`, equals the file at its address."""
    note = _note(place)
    return (
        note is not None
        and (note["stamp"], note["size"]) == (stored.stamp, stored.size)
        and shape_of(file or place) == (note["size"], note["time"])
    )


def known_stamp(place: Path) -> str | None:
    """The stamp of a file when it was last fetched or published; None if it never was."""
    note = _note(place)
    return note and note["stamp"]


def is_changed(place: Path) -> bool:
    """Whether a file has changed here since it was last fetched or published."""
    note = _note(place)
    return place.is_file() and (not note or shape_of(place) != (note["size"], note["time"]))


def remember(place: Path, stored: Stored, shape: tuple[int, int] | None = None) -> None:
    """Notes that a file equals the one at its address; `shape` is that of the published file."""
    size, time = shape or shape_of(place)
    note = {"address": address_of(place), "stamp": stored.stamp, "size": size, "time": time}
    atomic.write_text(_note_path(place), json.dumps(note))
    _reserved.pop(place, None)


def touch(place: Path) -> None:
    """Notes that a file is used now: the cache drops the least recently used first."""
    with suppress(FileNotFoundError):
        os.utime(_note_path(place))


def drop(place: Path) -> None:
    """Removes a mirrored file and its note."""
    _note_path(place).unlink(missing_ok=True)
    place.unlink(missing_ok=True)


def make_room(wanted: dict[Path, int]) -> bool:
    """Reserves room for files {place: bytes}; returns False if there is none.

    It drops the least recently used files that no process holds open.
    """
    with _ONE, _alone():
        notes = sorted(_notes(), key=lambda entry: entry[0])
        held = sum(size for _, _, size in notes)
        coming = sum(wanted.values()) + sum(
            size for place, size in _reserved.items() if place not in wanted
        )
        most = limit()
        if coming > most:  # dropping files cannot help
            return False
        for _, place, size in notes:
            if held + coming <= most:
                break
            if place not in wanted and place not in _reserved and _let_go(place):
                held -= size
        if held + coming > most:
            return False
        _reserved.update(wanted)
        return True


def release(wanted: Iterable[Path]) -> None:
    """Frees the room that `make_room` reserved for files that were not fetched."""
    for place in wanted:
        _reserved.pop(place, None)


def is_written(place: Path) -> bool:
    """Whether a place is, or is inside, a folder that a process of this machine is writing."""
    around = [folder for folder in (place, *place.parents) if address_of(folder)]
    return any(folder in WRITTEN or _is_held(folder / LOCK) for folder in around)


def _is_held(lock):
    try:
        file = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(file)


def _let_go(place):
    """Drops a file, unless a process holds it open or writes its folder."""
    if is_written(place):
        return False
    try:
        file = os.open(place, os.O_RDONLY)
    except OSError:
        drop(place)
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        drop(place)
        return True
    except OSError:
        return False
    finally:
        os.close(file)


def _notes():
    """Yields (time of last use, place, bytes) of every noted file."""
    for path in (cache_folder() / "notes").glob("*/*.json"):
        with suppress(OSError, ValueError, KeyError):
            note = json.loads(path.read_text())
            yield path.stat().st_mtime, place_of(note["address"]), note["size"]


@contextmanager
def _alone():
    """Lets one process at a time count and drop files."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # some network disks do not support the lock
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _note(place):
    try:
        note = json.loads(_note_path(place).read_text())
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and {"stamp", "size", "time"} <= note.keys() else None


def _note_path(place):
    digest = hashlib.sha256(str(address_of(place)).encode()).hexdigest()
    return cache_folder() / "notes" / digest[:2] / f"{digest[2:40]}.json"


def shape_of(place):
    """(bytes, time of the last change in nanoseconds) of a file; None if it is missing."""
    try:
        stat = place.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
