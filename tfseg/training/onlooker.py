"""The run as seen by the processes that help to train it but do not save it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfseg.runs import RunFolder


class Onlooker(RunFolder):
    """A run that the chief saves, perhaps on a disk that this machine cannot reach.

    Replaces a `RunFolder` and leaves no files behind: `scratch` is a temporary folder.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tfseg-worker-")
        super().__init__(self._folder.name)
        self._state = None

    def know(self, path: Path, state: dict[str, Any] | None) -> None:
        """Takes the run's folder and state from the chief."""
        self.path, self._state = path, state

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._folder:
            yield

    def last(self) -> dict[str, Any] | None:
        return self._state

    def save_last(self, model: Any, state: dict[str, Any], keep: Any) -> None:
        self._state = state

    def require_new(self) -> None:
        """Does nothing: the chief checks."""

    def create(self, config: Any, labels: Any) -> None:
        """Does nothing: the chief writes."""

    def save_config(self, config: Any) -> None:
        """Does nothing: the chief writes."""

    def save_best(self, network: Any) -> None:
        """Does nothing: the chief writes."""
