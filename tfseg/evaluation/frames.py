"""The figures of every frame of a split, as a table for spreadsheets and reports."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tfseg import atomic


@dataclass(frozen=True)
class FrameFigures:
    """A frame's own figures, shares of 1; NaN is what its label does not have.

    Attributes:
        index: its number in the split.
        id: what the data set calls it.
        miou: the mean of `iou`.
        pixel_accuracy: the share of right pixels.
        iou: by class.
    """

    index: int
    id: str
    miou: float
    pixel_accuracy: float
    iou: tuple[float, ...]

    @property
    def figures(self) -> list[float | None]:
        """All of them in a row, None for NaN."""
        every = (self.miou, self.pixel_accuracy, *self.iou)
        return [None if math.isnan(value) else float(value) for value in every]


def frame_figures(split: Any, figures: list[dict[str, Any]]) -> list[FrameFigures]:
    """The table of a split, of what `score` counts of each of its frames."""
    bar = tqdm(figures, "reading ids", unit="frame", leave=False)
    return [
        FrameFigures(
            index, split.about(index)[0], one["miou"], one["pixel_accuracy"], tuple(one["iou"])
        )
        for index, one in enumerate(bar)
    ]


def write_frames(path: Path, frames: list[FrameFigures], classes: tuple[str, ...]) -> None:
    """Writes the table as CSV, a line a frame: id, mIoU, pixel accuracy, the IoU of each class."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "miou", "pixel_accuracy", *(f"iou {name}" for name in classes)])
    for frame in frames:
        shown = ("" if value is None else f"{value:.6f}" for value in frame.figures)
        writer.writerow([frame.id, *shown])
    atomic.write_text(path, text.getvalue())
