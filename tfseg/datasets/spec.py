"""Describes a data set: its classes, their colours, its pairs of images and labels."""

import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfseg.datasets.coding import Colors, Values
from tfseg.errors import UserError, one_line
from tfseg.labels import MOST_CLASSES

MOST_LETTERS = 300  # of a path in a message
Pixels = Path | Callable[[], np.ndarray]  # an image file, or a function that draws uint8 pixels


@dataclass(frozen=True)
class Frame:
    """One labelled image of a raw data set.

    `image` gives RGB (H, W, 3), `label` the raw label: values (H, W) or colours (H, W, 3), which
    `coding` turns into class indices. `instance` is a 16-bit PNG of instance ids. `pixel_range` is
    the values that become 0 and 255 in images of more than 8 bits. Drawing functions must be
    picklable, because a conversion sends frames to other processes.
    """

    id: str
    image: Pixels
    label: Pixels
    coding: Values | Colors
    instance: Path | None = None
    pixel_range: tuple[float, float] | None = None


_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_plain(name: str) -> bool:
    """Whether a name is a single line of UTF-8."""
    return not _CONTROL.search(name)


def data_name(text):
    """Turns a text into a name that TFDS accepts: lower case, digits, underscores, letter first."""
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return text if text[:1].isalpha() else f"data_{text}".rstrip("_")


def with_range(splits, pixel_range):
    """{split: frames} with `pixel_range` set for all images."""
    if pixel_range is None:
        return splits
    return {
        split: [replace(frame, pixel_range=pixel_range) for frame in frames]
        for split, frames in splits.items()
    }


def refuse(message, spoils=True):
    """The default `report`: raises `UserError` for the first fault of a raw folder.

    If `spoils` is False, it only prints a note.
    """
    if spoils:
        raise UserError(message)
    print(one_line(f"note: {message}"))


@dataclass(frozen=True)
class DatasetSpec:
    """One data set.

    `frames(source, report)` lists the frames of every split in the raw folder `source` (None if
    the frames are generated). It raises `UserError` if the folder is not the data set, and calls
    `report` for every other fault, such as an image without label; `report` is `refuse` or
    collects the faults. `where` tells what to fetch from where, and where to put it;
    `download(folder)` downloads it into an empty folder.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    frames: Callable[..., dict[str, list[Frame]]]
    needs_source: bool = True
    where: str = ""
    download: Callable[[Path], None] | None = None

    def __post_init__(self):
        if len(self.classes) != len(self.colors):
            raise UserError(f"{self.name}: {len(self.classes)} classes, {len(self.colors)} colours")
        if len(self.classes) > MOST_CLASSES:
            raise UserError(
                f"{self.name}: {len(self.classes)} classes; the most is {MOST_CLASSES}, because a "
                f"label has one byte per pixel; merge some"
            )
        for name in self.classes:
            if not isinstance(name, str) or not name or not is_plain(name):
                raise UserError(f"{self.name}: class {name!r} is not a one-line name; rename it")

    def list_frames(self, source, report=refuse):
        """Checks the folder and returns `frames(source, report)`. Raises `UserError`."""
        if not self.needs_source:
            return self.frames(None, report)
        # File names may contain line breaks; messages must stay on one line.
        told = lambda message, spoils=True: report(one_line(message), spoils)  # noqa: E731
        if source is None:
            raise UserError(f"--dataset={self.name} needs --source=FOLDER, its raw data")
        if not Path(source).is_dir():
            raise UserError(f"--source={source} is not a folder")
        with readable(source):
            splits = self.frames(Path(source), told)
        return {split: list(_well_named(frames, told)) for split, frames in splits.items()}


@contextmanager
def readable(source):
    """Turns an `OSError` about a file or folder of a data set into a `UserError`."""
    try:
        yield
    except OSError as error:
        place = str(error.filename or source)[:MOST_LETTERS]
        raise UserError(
            f"{place} cannot be read: {error.strerror}; check the file and its name"
        ) from None


def _well_named(frames, report):
    """Yields the frames with a valid id; others go to `report`."""
    for frame in frames:
        if is_plain(frame.id):
            yield frame
        else:
            report(f"{frame.image} has a name that is not one line of UTF-8; rename the file")
