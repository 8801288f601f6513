"""What a data set means: its classes, colours, raw label values, and which files pair up."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfseg.errors import UserError

VOID = 255  # on records and in batches; nowhere else is void a number

Pixels = Path | Callable[[], np.ndarray]  # a picture file, or a function that draws uint8 pixels


@dataclass(frozen=True)
class Frame:
    """One labelled picture of a raw data set.

    `image` yields RGB (H, W, 3), `label` the raw values (H, W), both uint8. Drawing functions
    must survive pickling, so that a conversion can hand frames to other processes.
    """

    id: str
    image: Pixels
    label: Pixels


@dataclass(frozen=True)
class DatasetSpec:
    """One data set of the field.

    `values` maps every raw label value to a class index or to `VOID`; any other value in a label
    is an error. `frames(source)` lists the frames of every split found in the raw folder
    `source` (None where the frames are drawn), and raises `UserError` for a folder that is not
    the data set, or a picture without its partner.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    values: dict[int, int]
    frames: Callable[[Path | None], dict[str, list[Frame]]]
    needs_source: bool = True

    def to_index(self, raw: np.ndarray) -> np.ndarray:
        """Raw label values (H, W) -> class indices, void as 255. Raises `UserError` on others."""
        table = np.full(256, -1, np.int16)
        table[list(self.values)] = list(self.values.values())
        index = table[raw]
        if (index < 0).any():
            wrong = int(raw[index < 0].flat[0])
            raise UserError(
                f"label value {wrong} is not one of {self.name}'s ({_ranges(self.values)})"
            )
        return index.astype(np.uint8)


def _ranges(values) -> str:
    return f"{min(values)} to {max(values)}" if values else "none"
