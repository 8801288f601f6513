"""Facts of every frame, and their sums per split.

Nothing here needs TensorFlow, so the processes that examine frames start quickly.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from tfseg.datasets.coding import Colors
from tfseg.errors import UserError
from tfseg.images import open_image
from tfseg.labels import VOID
from tfseg.records.frames import map_label, mismatch, read_image, read_raw_label
from tfseg.records.histogram import Histogram
from tfseg.records.tally import Tally, Traits

SIDE = 16  # pixels of a thumbnail


@dataclass
class Facts:
    """Facts of one frame. What could not be read is None, with a line in `problems`.

    `image` and `label` name its files; sizes are (H, W); `kind` is the label file's Pillow mode.
    `pixels` counts class indices (256,), void at 255; `values` raw label values (256,), None for
    colours. `unknown` pixels belong to no class, `example` describes one; `soft` pixels took the
    class of the nearer colour. `thumbnail` is gray, uint8 (SIDE, SIDE).
    """

    image: str
    label: str
    image_size: tuple[int, int] | None = None
    label_size: tuple[int, int] | None = None
    kind: str | None = None
    pixels: np.ndarray | None = None
    values: np.ndarray | None = None
    unknown: int = 0
    example: str | None = None
    soft: int = 0
    soft_example: str | None = None
    thumbnail: np.ndarray | None = None
    traits: Traits | None = None
    problems: tuple[str, ...] = ()


def examine(frame):
    """The `Facts` of a raw `Frame`."""
    facts = Facts(_name(frame, frame.image), _name(frame, frame.label))
    for look in (_look_at_image, _look_at_label):
        try:
            look(frame, facts)
        except UserError as error:
            mend = "" if ";" in error.typed else "; replace the file, or remove the frame"
            facts.problems += (f"{error.typed}{mend}",)
    if facts.image_size and facts.label_size and facts.image_size != facts.label_size:
        facts.problems += (sizes_differ(facts),)
    return facts


def sizes_differ(facts):
    return mismatch(facts.image, facts.image_size, facts.label, facts.label_size)


def _name(frame, place):
    return frame.id if callable(place) else str(place)


def _look_at_image(frame, facts):
    _, image, facts.traits = read_image(frame)
    facts.image_size, facts.thumbnail = image.shape[:2], thumbnail(image)


def _look_at_label(frame, facts):
    colors = isinstance(frame.coding, Colors)
    if isinstance(frame.label, Path):
        facts.kind = open_image(frame.label).mode
    raw = read_raw_label(frame.label, frame.coding)
    label = map_label(raw, frame.coding)
    facts.unknown, facts.example = label.unknown, label.example
    facts.soft, facts.soft_example = label.soft, label.soft_example
    facts.label_size, facts.pixels = label.index.shape, count(label.index)
    facts.values = None if colors else count(raw)


def thumbnail(image):
    """RGB uint8 (H, W, 3) -> gray (SIDE, SIDE), by averaging."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def count(label):
    """Pixels of each value 0..255 of a uint8 array, int64 (256,)."""
    return np.bincount(label.reshape(-1), minlength=256)


class Survey:
    """Sums of a split's facts; takes SIDE² bytes per frame."""

    def __init__(self, frames):
        self.frames = frames
        self.classes = Histogram()
        self.values = np.zeros(256, np.int64)  # raw label values
        self.sizes, self.kinds = Counter(), Counter()
        self.tally = Tally()
        self.unknown = 0
        self.example = None  # text about the first unknown pixel
        self.soft, self.soft_in = 0, []  # pixels at soft edges, and (text about one, its label)
        self.unknown_in, self.void_in = [], []  # labels with unknown pixels; with only void
        self.with_void = None  # the first label with void
        self.thumbnails = np.zeros((frames, SIDE * SIDE), np.uint8)  # zeros if not read

    def add(self, index, facts):
        if size := facts.image_size or facts.label_size:
            self.sizes[size] += 1
        if facts.kind:
            self.kinds[facts.kind] += 1
        if facts.thumbnail is not None:
            self.thumbnails[index] = facts.thumbnail.reshape(-1)
        if facts.traits is not None:
            self.tally.add(facts.image, facts.traits)
        if facts.pixels is not None:
            self._add_label(facts)

    def _add_label(self, facts):
        self.classes.add(facts.pixels)
        if facts.values is not None:
            self.values += facts.values
        if facts.pixels[VOID]:
            self.with_void = self.with_void or facts.label
        if facts.soft:
            self.soft += facts.soft
            self.soft_in.append((facts.soft_example, facts.label))
        if facts.unknown:
            self.unknown += facts.unknown
            self.unknown_in.append(facts.label)
            self.example = self.example or facts.example
        elif facts.pixels[VOID] == facts.pixels.sum():
            self.void_in.append(facts.label)

    @property
    def pixels(self):
        """Pixels of each class, void at 255, (256,)."""
        return self.classes.pixels

    @property
    def present(self):
        """Pixels of all labels that contain each class, (256,)."""
        return self.classes.present

    @property
    def void(self):
        return self.classes.void


def survey(data, report, workers=1):
    """{split: `Survey`} of every frame; problems go to `report`."""
    found = {split: Survey(frames) for split, frames in data.sizes.items()}
    places = ((split, i) for split, frames in data.sizes.items() for i in range(frames))
    every = tqdm(
        data.facts(workers), "examining", sum(data.sizes.values()), unit="frame", leave=False
    )
    for (split, index), facts in zip(places, every, strict=True):
        found[split].add(index, facts)
        for problem in facts.problems:
            report(problem)
    return found
