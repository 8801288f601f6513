"""Files and folders that appear complete or not at all, even after a kill or a power cut.

Work goes to a temporary name next to the final one, is synced to disk, and is renamed.
"""

import ctypes
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tfseg.errors import UserError

REQUEST = "request.txt"
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_PARTIAL = re.compile(r"\.[0-9a-f]{8}\.")


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """Yields a temporary path with the same suffixes; its file replaces `path` at the end.

    The name is random, so nobody can plant a link there. After an error, nothing is left.

    Raises:
        UserError: if the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(4)}.{path.name[-200:]}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except Exception as error:
        if reason := full_disk(error):
            raise UserError(f"could not write {path}: {reason}; free some space") from None
        raise
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(folder: Path, name: str = "*") -> None:
    """Removes temporary files of `name` that a kill left. No process may be writing it."""
    for partial in folder.glob(f".????????.{name}"):
        if _PARTIAL.match(partial.name):
            partial.unlink()


def full_disk(error: BaseException) -> str | None:
    """The system's message if an error came from a full disk or quota, else None.

    C libraries give the error number only in their text, or in an earlier error.
    """
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        reason = os.strerror(number)
        if getattr(error, "errno", None) == number or reason in str(error):
            return reason
    return full_disk(error.__context__) if error.__context__ else None


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file completely or not at all."""
    with file(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text completely or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, values: Any) -> None:
    """Writes JSON completely or not at all."""
    write_text(path, json.dumps(values, indent=2, default=str) + "\n")


@contextmanager
def folder(final: Path, request: str | None = None) -> Iterator[Path]:
    """Yields a folder to write into, which replaces `final` at the end.

    Args:
        final: the folder to make or replace.
        request: a text that describes the work. After Ctrl-C or a kill, the same request gets the
            folder back with everything written so far. None always starts from scratch.

    Raises:
        UserError: if writing fails, or another process is writing the folder.
    """
    final = Path(final)
    partial = final.with_name(f".{final.name}.partial")
    old = final.with_name(f".{final.name}.old")
    try:
        with _alone(partial, final, keep=request is not None):
            if request is None or not _holds(partial, request):
                _empty(partial)
                write_text(partial / REQUEST, request or "")
            # Cleans up after a kill between two renames, on systems that cannot exchange names.
            if final.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():
                os.replace(old, final)
            yield partial
            (partial / REQUEST).unlink()
            _publish(partial, final, old)
    except UserError:
        raise
    except Exception as error:
        reason = full_disk(error) or (isinstance(error, OSError) and (error.strerror or str(error)))
        if not reason:
            raise
        reason = " ".join(reason.split())
        raise UserError(f"could not write {final}: {reason}; nothing was kept") from None
    finally:
        with suppress(OSError):  # fails unless it is empty
            final.parent.rmdir()


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Holds the lock file `path` and removes it at the end; a kill releases it.

    Raises `UserError` with the message `busy` if another process holds it.
    """
    descriptor = None
    while descriptor is None:
        descriptor = _open_lock(Path(path), busy)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _open_lock(path, busy):
    """A descriptor that holds the file; None if its last holder has removed it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise UserError(f"cannot lock {path}: {error.strerror}") from None
    try:
        _lock(descriptor, busy)
        if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _publish(partial, final, old):
    for path in [*partial.rglob("*"), partial]:
        _sync(path)
    if not final.exists():
        os.replace(partial, final)
    elif _exchange(partial, final):  # so that the final name always exists
        shutil.rmtree(partial, ignore_errors=True)
    else:
        os.replace(final, old)
        os.replace(partial, final)
        shutil.rmtree(old, ignore_errors=True)
    _sync(final.parent)


def _exchange(first, second):
    """Swaps two names in one step; False if the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here = -100  # AT_FDCWD, the current folder
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename) and rename(here, names[0], here, names[1], _EXCHANGE) == 0


def _sync(path):
    """Syncs a file, or the entries of a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some file systems do not support it
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _alone(partial, final, keep):
    """Creates and locks `partial` (a kill releases the lock); removes it on failure."""
    partial.mkdir(parents=True, exist_ok=True)
    try:
        held = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise UserError(f"{partial} is a link or a file, not a folder; remove it") from None
    try:
        _lock(held, f"another process is writing {final}; wait for it to end")
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            if not (keep and stopped):  # after Ctrl-C the next run continues
                shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(held)


def _lock(held, busy):
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(busy) from None
    except OSError:
        pass  # some network disks do not support locks


def _holds(folder, request):
    path = folder / REQUEST
    return path.is_file() and path.read_text() == request


def _empty(folder):
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
