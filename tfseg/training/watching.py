"""What an experiment tracker is: it is told a run's figures and images after every epoch."""

import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from tfseg.atomic import full_disk

Scalars = dict[str, float]
Images = dict[str, np.ndarray]


class Tracker(Protocol):
    """What shows a run. It is made of the run's folder and its flags as a dict.

    Attributes:
        title: what it is called in messages.
        where: what it writes to, in messages.
    """

    title: str
    where: str

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        """The figures of "train" and "val" after an epoch; RGB images uint8 (H, W, 3) by name."""

    def finish(self, files: list[Path], status: str) -> None:
        """Keeps the run's files, the best checkpoint first; "FINISHED", "FAILED" or "KILLED"."""


def warn(title: str, where: str, error: Exception) -> None:
    """Says that a training goes on without a tracker."""
    reason = full_disk(error) or reason_of(error)
    print(
        f"\nwarning: cannot write to {where}: {reason}; training goes on without {title}",
        file=sys.stderr,
    )


def reason_of(error: BaseException) -> str:
    """The first line of an error, or its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
