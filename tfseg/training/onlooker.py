"""A run as it looks to the processes that train it without keeping it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfseg.runs import RunFolder


class Onlooker(RunFolder):
    """A run that the chief keeps, perhaps on a machine whose disk nobody else sees.

    Stands where a `RunFolder` does, and leaves nothing anywhere: `scratch` goes with it.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tfseg-worker-")
        super().__init__(self._folder.name)
        self._state = None

    def know(self, path: Path, state: dict[str, Any] | None) -> None:
        """Takes what the chief says: the run's folder, and where the run stands."""
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
        """Nothing to ask."""

    def create(self, config: Any, labels: Any) -> None:
        """Nothing to write."""

    def save_config(self, config: Any) -> None:
        """Nothing to write."""

    def save_best(self, network: Any) -> None:
        """Nothing to write."""
