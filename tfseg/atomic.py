"""Files and folders that appear whole or not at all, also after a kill or a power cut.

Work goes to a temporary name beside the final one, is written through to the disk, and is renamed.
"""

import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tfseg.errors import UserError

REQUEST = "request.txt"
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """Yields a temporary path, with the same suffixes, whose file takes the place of `path`.

    Its name cannot be foretold, so no link can be planted there. After an error there is nothing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(4)}.{path.name[-200:]}")
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all."""
    with file(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, values: Any) -> None:
    """Writes JSON, whole or not at all."""
    write_text(path, json.dumps(values, indent=2, default=str) + "\n")


@contextmanager
def folder(final: Path, request: str | None = None) -> Iterator[Path]:
    """Yields a folder to write into that takes the place of `final` at the end.

    Args:
        final: the folder to make or replace.
        request: a text that says what is made. Where work on the same request was stopped by
            Ctrl-C or a kill, the folder holds what that had written. None always begins anew.

    Raises:
        UserError: where writing fails, or another process is at it.
    """
    final = Path(final)
    partial = final.with_name(f".{final.name}.partial")
    old = final.with_name(f".{final.name}.old")
    try:
        with _alone(partial, final, keep=request is not None):
            if request is None or not _holds(partial, request):
                _empty(partial)
                write_text(partial / REQUEST, request or "")
            # What a kill between two renames left, where the system cannot exchange names.
            if final.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():
                os.replace(old, final)
            yield partial
            (partial / REQUEST).unlink()
            _publish(partial, final, old)
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise UserError(f"could not write {final}: {reason}; nothing was kept") from None
    finally:
        with suppress(OSError):  # only where it is empty
            final.parent.rmdir()


def _publish(partial, final, old):
    for path in [*partial.rglob("*"), partial]:
        _sync(path)
    if not final.exists():
        os.replace(partial, final)
    elif _exchange(partial, final):  # there is always one of the two under the final name
        shutil.rmtree(partial, ignore_errors=True)
    else:
        os.replace(final, old)
        os.replace(partial, final)
        shutil.rmtree(old, ignore_errors=True)
    _sync(final.parent)


def _exchange(first, second):
    """Swaps two names in one step; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here = -100  # AT_FDCWD
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename) and rename(here, names[0], here, names[1], _EXCHANGE) == 0


def _sync(path):
    """Writes a file, or a folder's entries, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # file systems that do not know it
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _alone(partial, final, keep):
    """Makes `partial`, held by this process alone (a kill lets go of it), gone on failure."""
    partial.mkdir(parents=True, exist_ok=True)
    try:
        held = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise UserError(f"{partial} is a link or a file, not a folder; remove it") from None
    try:
        with suppress(OSError):  # network disks that know no such lock
            _lock(held, final)
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            if not (keep and stopped):  # after Ctrl-C the next run goes on
                shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(held)


def _lock(held, final):
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another process is writing {final}; wait for it to end") from None


def _holds(folder, request):
    path = folder / REQUEST
    return path.is_file() and path.read_text() == request


def _empty(folder):
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
