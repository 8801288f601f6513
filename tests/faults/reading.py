"""Small data sets of every kind, and checks of reading them after damage."""

import contextlib
import dataclasses
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from helpers.raw import Raw
from helpers.raw_folders import EVERY
from helpers.small import few_streets
from PIL import Image

from tfseg.data.pipeline import evaluation_batches
from tfseg.datasets import get_dataset
from tfseg.doctor import inspect
from tfseg.records.convert import convert
from tfseg.records.corrupt import naming_corrupt, without_corrupt
from tfseg.records.example import decode_about
from tfseg.records.reader import _open_raw, open_records
from tfseg.records.verify import changed_shards

from .exports import EXPORTS

TOML = """name = "garden"
masks = "indices"
mask_folder = "masks"
image_folder = "images"

[[class]]
name = "soil"
color = [120, 80, 40]
value = 0

[[class]]
name = "plant"
color = [10, 200, 40]
value = 1
"""
SIZE = (24, 32)
FIELD = {draw.__name__: draw for draw in EVERY}


class DataSet:
    """A small data set in `folder`, and its pixels.

    `kind` is "tfrecord-png" or another pair of format and encoding, "folder", "lists", a tool of
    `EXPORTS`, or the name of a function that draws a known data set (`EVERY`).
    """

    def __init__(self, kind, folder):
        self.folder, self.options = folder, {}
        form, _, encoding = kind.partition("-")
        self.name = None
        if encoding:
            convert(few_streets(4, 2), None, folder, format=form, size=SIZE, encoding=encoding)
        elif kind in FIELD:
            self.name, self.options, *_ = EVERY[FIELD[kind]]
            folder.mkdir(parents=True)
            FIELD[kind](Raw(folder))
        elif kind in EXPORTS:
            self.name = kind
            EXPORTS[kind](folder)
        else:
            self.name = "folder"
            draw_folder(folder, lists=kind == "lists")
        self.raw = self.name is not None
        self.meaning, self.frames = self._read(folder)

    def use(self, folder, path, way):
        """Reads a mutant whose file `path` was changed; returns the outcome as a word.

        Raises `AssertionError` if pixels changed silently.
        """
        found = getattr(self, f"_{way}")(folder)
        if found is None:
            return "sound"
        meaning, frames = found
        if self.raw and path.suffix not in (".png",):  # PNGs have checksums
            same = meaning == self.meaning and _equal(frames, self.frames)
            return "sound" if same else "otherwise"
        assert meaning == self.meaning, "the meaning changed"
        for key, pair in frames.items():
            assert all(map(np.array_equal, pair, self.frames[key])), f"{key} changed"
        if len(frames) == len(self.frames):
            return "sound"
        assert way in ("skip", "convert"), f"{len(frames)} frames"
        return "skipped"

    def _open(self, folder, **options):
        if self.options:  # only a conversion takes options
            spec = get_dataset(self.name, folder, **self.options)
            return _open_raw(spec, folder, 0.1, None, options.get("skip_damaged", False))
        return open_records(folder, self.name, **options)

    def _read(self, folder):
        return _pixels(self._open(folder))

    def _skip(self, folder):
        records = self._open(folder, skip_damaged=True)
        sound = {name: without_corrupt(split) for name, split in records.splits.items()}
        return _pixels(dataclasses.replace(records, splits=sound))

    def _batches(self, folder):
        """Reads batches as training and `test` do."""
        records, frames = self._open(folder), {}
        for name, split in records.splits.items():
            with naming_corrupt(split):
                batches = evaluation_batches(split, batch_size=2).as_numpy_iterator()
                pairs = [pair for batch in batches for pair in zip(*batch, strict=True)]
            for i, pair in enumerate(pairs):
                frames[name, _id(split, i)] = pair
        return _meaning(records), frames

    def _verify(self, folder):
        if not self.raw:
            changed_shards(self._open(folder, skip_damaged=True))
            return None
        return self._inspect(folder)

    def _inspect(self, folder):
        raw = get_dataset(self.name, folder, **self.options) if self.raw else None
        inspect((raw, folder) if raw else self._open(folder))

    def _convert(self, folder):
        if not self.raw:
            return self._skip(folder)
        out = folder.parent / "out"
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, out, ignore_errors=True)
            spec = get_dataset(self.name, folder, **self.options)
            return _pixels(open_records(convert(spec, folder, out)))


def _pixels(records):
    """(info of the records, {(split, id): (image, label)})."""
    return _meaning(records), {
        (name, _id(split, i)): split.frame(i)
        for name, split in records.splits.items()
        for i in range(len(split))
    }


def _id(split, index):
    return decode_about(split.read(index))[0]


def _meaning(records):
    return records.info.classes, records.info.colors


def _equal(some, others):
    return some.keys() == others.keys() and all(
        all(map(np.array_equal, some[key], others[key])) for key in some
    )


def draw_folder(folder, lists=False):
    """Draws images and masks of a user, and `dataset.toml`; with lists or folders of splits."""
    rng = np.random.default_rng(0)
    listed = {"train": 4, "val": 2}
    for split, count in listed.items():
        between = "" if lists else f"{split}/"
        lines = []
        for i in range(count):
            image, mask = (f"{what}/{between}{split}{i}.png" for what in ("images", "masks"))
            for name in (image, mask):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (*SIZE, 3), np.uint8)).save(folder / image)
            Image.fromarray(rng.integers(0, 2, SIZE, np.uint8)).save(folder / mask)
            lines.append(f"{image} {mask}")
        if lists:
            (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (folder / "dataset.toml").write_text(TOML)
