"""The interface of experiment trackers, which get a run's figures and images every epoch."""

import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from tfseg.atomic import full_disk

Scalars = dict[str, float]
Images = dict[str, np.ndarray]


class Tracker(Protocol):
    """Shows a run. Its constructor takes the run's folder and its flags as a dict.

    Attributes:
        title: its name in messages.
        where: its destination in messages.
    """

    title: str
    where: str

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        """Writes figures of "train" and "val" and RGB images, name -> uint8 (H, W, 3)."""

    def finish(self, files: list[Path], status: str) -> None:
        """Keeps the run's files, the best checkpoint first; "FINISHED", "FAILED" or "KILLED"."""


def warn(title: str, where: str, error: Exception) -> None:
    """Warns that training continues without a tracker."""
    reason = full_disk(error) or reason_of(error)
    print(
        f"\nwarning: cannot write to {where}: {reason}; training continues without {title}",
        file=sys.stderr,
    )


def reason_of(error: BaseException) -> str:
    """The first line of an error, or its class if it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
