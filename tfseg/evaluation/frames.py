"""The metrics of every frame of a split, as a table for spreadsheets and reports."""

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
    """A frame's metrics as fractions; NaN for absent classes.

    Attributes:
        index: its index in the split.
        id: its id in the data set.
        miou: the mean of `iou`.
        pixel_accuracy: the share of correct pixels.
        iou: IoU by class.
    """

    index: int
    id: str
    miou: float
    pixel_accuracy: float
    iou: tuple[float, ...]

    @property
    def figures(self) -> list[float | None]:
        """All metrics in a row, None for NaN."""
        every = (self.miou, self.pixel_accuracy, *self.iou)
        return [None if math.isnan(value) else float(value) for value in every]


def frame_figures(split: Any, figures: list[dict[str, Any]]) -> list[FrameFigures]:
    """The table of a split, from the metrics of each frame that `score` returns."""
    bar = tqdm(figures, "reading ids", unit="frame", leave=False)
    return [
        FrameFigures(
            index, split.about(index)[0], one["miou"], one["pixel_accuracy"], tuple(one["iou"])
        )
        for index, one in enumerate(bar)
    ]


def write_frames(path: Path, frames: list[FrameFigures], classes: tuple[str, ...]) -> None:
    """Writes the table as CSV, one line per frame: id, mIoU, pixel accuracy, IoU per class."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "miou", "pixel_accuracy", *(f"iou {name}" for name in classes)])
    for frame in frames:
        shown = ("" if value is None else f"{value:.6f}" for value in frame.figures)
        writer.writerow([frame.id, *shown])
    atomic.write_text(path, text.getvalue())
