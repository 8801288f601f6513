"""A folder that appears when everything in it is written, and not before."""

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress

from tfseg.errors import UserError

REQUEST = "request.txt"


@contextmanager
def whole_folder(final, request):
    """Yields a folder to write into that takes the place of `final` at the end.

    Where work on the same `request` (a text) was stopped by Ctrl-C or a kill, the folder holds
    what it had written; any other failure leaves nothing. Raises `UserError` where writing fails,
    or another process is at it.
    """
    partial = final.with_name(f".{final.name}.partial")
    old = final.with_name(f".{final.name}.old")
    try:
        with _alone(partial, final):
            if not _holds(partial, request):
                _empty(partial)
                (partial / REQUEST).write_text(request)
            # What a kill between the two renames below left.
            if final.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():
                os.replace(old, final)
            yield partial
            (partial / REQUEST).unlink()
            if final.exists():
                os.replace(final, old)
            os.replace(partial, final)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise UserError(f"could not write {final}: {reason}; nothing was kept") from None
    finally:
        with suppress(OSError):  # only where it is empty
            final.parent.rmdir()


@contextmanager
def _alone(partial, final):
    """Makes `partial`, held by this process alone (a kill lets go of it), gone on failure."""
    partial.mkdir(parents=True, exist_ok=True)
    folder = os.open(partial, os.O_RDONLY)
    try:
        with suppress(OSError):  # network disks that know no such lock
            _lock(folder, final)
        try:
            yield
        except Exception:  # not KeyboardInterrupt: the next run goes on
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(folder)


def _lock(folder, final):
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another conversion is writing {final}; wait for it to end") from None


def _holds(folder, request):
    path = folder / REQUEST
    return path.is_file() and path.read_text() == request


def _empty(folder):
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
