"""Uploads a run's folder while it is written, one consistent state at a time.

Weights are uploaded before the `last.json` that names them, and old ones are removed after it, so
the address always holds a run that can be resumed.
"""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tfseg.addresses import address_of
from tfseg.errors import UserError
from tfseg.storage import cache, remote
from tfseg.storage.publish import names, upload

POLL = 1.0  # seconds between two checks of the folder
LATER = 30.0  # seconds until a failed upload is tried again
LAST = "checkpoints/last.json"
WEIGHTS = ".weights.h5"


@contextmanager
def uploading(*places: Path | None) -> Iterator[None]:
    """Uploads folders to their addresses while they are written; ignores other paths.

    Raises `UserError` at the end if the last state could not be uploaded.
    """
    uploads = [Upload(place) for place in places if place and address_of(place)]
    try:
        yield
    except BaseException:
        for one in uploads:
            one.end(tell=True)
        raise
    with ExitStack() as stack:  # ends all of them, even if the first fails
        for one in uploads:
            stack.callback(one.end)


class Upload:
    """A thread that uploads new files of the mirror `place`."""

    def __init__(self, place: Path) -> None:
        self.place, self.address = place, address_of(place)
        cache.WRITTEN.add(place)
        self._done, self._taken_over = None, None
        self._sent: set[bytes] = set()  # all contents of `last.json` sent so far
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="uploading", daemon=True)
        self._thread.start()

    def end(self, tell: bool = False) -> None:
        """Uploads the rest; if that fails, prints a warning or raises `UserError`."""
        self._ending.set()
        self._thread.join()
        try:
            self._look()
        except UserError as error:
            line = f"{error.typed}; missing files are kept here, and --resume uploads them"
            if not tell:
                raise UserError(line) from None
            print(f"warning: {line}", file=sys.stderr)
        finally:
            cache.WRITTEN.discard(self.place)

    def _watch(self):
        told = False
        while not self._ending.wait(LATER if told else POLL):
            try:
                self._look()
                told = False
            except UserError as error:
                if not told:
                    print(f"\nwarning: {error.typed}; training goes on", file=sys.stderr)
                told = True

    def _look(self):
        """Uploads the folder's content if it has changed."""
        if self._taken_over:
            raise self._taken_over
        shapes = [(name, cache.shape_of(self.place / name)) for name in names(self.place)]
        if not shapes or shapes == self._done:
            return
        staging = self.place / ".uploading"
        shutil.rmtree(staging, ignore_errors=True)  # left by a kill
        try:
            self._bring(_snapshot(self.place, staging))
        except OSError as error:
            raise UserError(f"{self.address} cannot be written: {error}") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._done = shapes

    def _bring(self, files):
        found = remote.listing(self.address)
        self._check_alone(found, files)
        new = {
            name: file
            for name, file in files.items()
            if name not in found or not cache.is_current(self.place / name, found[name], file)
        }
        upload(new, self.address, self.place)
        for name in found.keys() - files.keys():
            if name.startswith("checkpoints/") and name.endswith(WEIGHTS):
                remote.remove(f"{self.address}/{name}")

    def _check_alone(self, found, files):
        """Raises `UserError` if another process has written the run meanwhile."""
        there, known = found.get(LAST), cache.known_stamp(self.place / LAST)
        changed = there and there.stamp != known
        if changed and remote.content(f"{self.address}/{LAST}") not in self._sent:
            self._taken_over = UserError(
                f"{self.address} is being written by another process too; nothing more is "
                f"uploaded: stop one of them"
            )
            raise self._taken_over
        if LAST in files:
            self._sent.add(files[LAST].read_bytes())


def _snapshot(place, folder):
    """{name: file} of a run's content at one moment, linked or copied into `folder`."""
    while True:
        last = _content(place / LAST)
        files = {}
        for name in names(place):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # training may have deleted it meanwhile
                _copy(place / name, target)
                files[name] = target
        # Training replaces `last.json` before it deletes the weights that it named.
        if _content(place / LAST) == last == _content(folder / LAST):
            return files


def _copy(source, target):
    """Links weights, which are replaced but never changed; copies the rest, as events grow."""
    if source.name.endswith(WEIGHTS):
        with suppress(OSError):  # file systems without links
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _content(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
