"""Mirrors of addresses: folders with copies of the remote files, each complete."""

import glob
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from tfseg import atomic
from tfseg.addresses import address_of, cache_folder, place_of
from tfseg.errors import UserError
from tfseg.storage import cache, remote
from tfseg.storage.remote import Moved, Stored

LOOKS = 3  # attempts at an address that is being written
THREADS = 8  # parallel transfers
SHARD = re.compile(r".*\.tfrecord-\d{5,}-of-\d{5,}")
MARKS = ("metadata.json", "labels.json", "config.json", "last.json")  # of complete folders

# Shards that were listed at their address and are fetched when first read.
AWAY: dict[Path, Stored] = {}


def fetch(place: str | Path, *, shards: bool = True, mark: str | None = None) -> Path:
    """Updates the mirror of an address; returns its local path.

    A path that mirrors no address is returned unchanged. Local changes that are not published
    stay.

    Args:
        place: a path; an address, such as "s3://bucket/records"; several as "a,b"; a pattern.
        shards: also fetch TFRecord shards; else `open_shard` does when they are first read.
        mark: fetch nothing if there is no file of this name.

    Raises:
        UserError: for an address that cannot be reached, and if the cache has no room.
    """
    try:
        place = place_of(str(place))
    except ValueError as error:
        raise UserError(f"{place}: wanted {error}") from None
    for part in [place] if place.exists() else map(Path, str(place).split(",")):
        if address := address_of(part):
            _fetch_still(part, address, shards, mark)
    return place


def _fetch_still(place, address, shards, mark):
    """Fetches an address that may be being written: if files change meanwhile, it tries again."""
    for _ in range(LOOKS - 1):
        with suppress(Moved):
            return _fetch(place, address, shards, mark)
    return _fetch(place, address, shards, mark)


def _fetch(place, address, shards, mark):
    if cache.is_written(place):  # a run that is training here is newer
        return
    found = remote.listing(address)
    if mark and mark not in found:
        return
    root = place_of(remote.pattern_root(address))
    files = {root / name if name else root: stored for name, stored in found.items()}
    _drop_vanished(place, files)
    later = set() if shards else {path for path in files if SHARD.fullmatch(path.name)}
    wanted = {}
    for path, stored in files.items():
        AWAY.pop(path, None)
        if cache.is_current(path, stored) or _is_ahead(path, stored):
            cache.touch(path)
        elif path in later:
            cache.drop(path)
            AWAY[path] = stored
        else:
            wanted[path] = stored
    if not wanted:
        return
    if not cache.make_room({path: stored.size for path, stored in wanted.items()}):
        bytes = sum(stored.size for stored in wanted.values())
        raise UserError(
            f"{address} has {bytes / cache.GIGABYTE:.1f} GB to fetch, but the cache holds "
            f"{cache.limit() / cache.GIGABYTE:g}; set TFSEG_CACHE_GB"
        )
    try:
        _fetch_all(wanted)
    finally:
        cache.release(wanted)


def _is_ahead(path, stored):
    """Whether a file has changed here since it was published, but not at its address."""
    return cache.known_stamp(path) == stored.stamp and cache.is_changed(path)


def _drop_vanished(place, files):
    """Removes mirrored files that are no longer at the address."""
    if glob.has_magic(str(place)):
        here: Iterable = map(Path, glob.iglob(str(place), recursive=True))
    else:
        here = [place] if place.is_file() else place.rglob("*")
    for path in list(here):
        if path not in files and path.is_file() and not cache.is_changed(path):
            cache.drop(path)


def _fetch_all(wanted):
    """Fetches files, marks last, so that a half-fetched folder is never opened."""
    plain = [path for path in wanted if path.name not in MARKS]
    marks = sorted((path for path in wanted if path.name in MARKS), key=mark_order)
    with ThreadPoolExecutor(THREADS) as pool:
        few = len(wanted) < 10
        with tqdm(total=len(wanted), desc="fetching", unit="file", disable=few) as bar:
            for paths in (plain, marks):
                try:
                    for _ in pool.map(lambda path: download(path, wanted[path]), paths):
                        bar.update()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise


def mark_order(path: Path) -> tuple[int, int]:
    """Sort key of marks: inner folders before outer ones, `last.json` after the others."""
    return -len(path.parts), MARKS.index(path.name)


def download(path: Path, stored: Stored) -> None:
    """Fetches one file, completely or not at all."""
    address = address_of(path)
    cache.drop(path)
    try:
        with atomic.file(path) as partial:
            remote.read(address, partial)
            size = partial.stat().st_size
            if size != stored.size:
                raise Moved(f"{address} has {size} bytes, not {stored.size}: it changes; try again")
    except UserError as error:
        if atomic.full_disk(error):
            raise UserError(
                f"the disk of {cache_folder()} has no room for {address}; free some space, or set "
                f"TFSEG_CACHE"
            ) from None
        raise
    cache.remember(path, stored)
