"""An opened data set and its splits."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Info:
    """The meaning of the examples: `colors` RGB in 0..255, `encoding` "encoded" or "raw".

    `pixel_range` holds the raw image values that became 0 and 255, if it was given.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    void: int
    encoding: str
    pixel_range: tuple[float, float] | None = None


class Split:
    """One split: `len(split)`, and `split.read(i)`, the bytes of example i. Thread-safe.

    `sizes` are the distinct (height, width) of its frames. If several data sets are read as one,
    `parts` gives each one's (frames, frames that a training epoch takes).
    """

    def __init__(self, name, info, sizes, store, indices=None, parts=None):
        self.name, self.info, self.sizes, self._store = name, info, sizes, store
        self._indices = range(len(store)) if indices is None else indices
        self.parts = parts or ((len(self._indices), len(self._indices)),)

    def __len__(self):
        return len(self._indices)

    def read(self, index):
        return self._store.read(self._indices[index])

    def frame(self, index: int):
        """The image uint8 (H, W, 3) and the label uint8 (H, W) of an example.

        Raises `UserError` for a damaged example.
        """
        from tfseg.records.corrupt import read_frame  # imports TensorFlow

        image, label = read_frame(self, index)
        return image.numpy(), label.numpy()

    def about(self, index: int):
        """The id of an example, and its instance ids uint16 (H, W) or None.

        Raises `UserError` for a damaged example.
        """
        from tfseg.records.corrupt import read_about  # imports TensorFlow

        return read_about(self, index)

    def where(self, index):
        """File and place of an example, for error messages."""
        return self._store.where(self._indices[index])

    def file(self, index):
        """Identifies the file that holds an example; equal for examples in the same file."""
        return self._store.files[self._indices[index]]

    def only(self, chosen):
        """The split with only the examples at the ascending indices `chosen`."""
        indices = [self._indices[index] for index in chosen]
        parts, start = [], 0
        for frames, slots in self.parts:
            left = sum(start <= index < start + frames for index in chosen)
            parts.append((left, round(slots * left / max(1, frames))))
            start += frames
        return Split(self.name, self.info, self.sizes, self._store, indices, tuple(parts))

    def for_worker(self, worker, workers):
        """One worker's part of the split: whole files, if there are enough of them.

        Together, the workers read every example exactly once.
        """
        files = [self.file(index) for index in range(len(self))]
        number = {file: i for i, file in enumerate(dict.fromkeys(files))}
        if len(number) < workers:
            return self.only(range(worker, len(self), workers))
        return self.only([i for i, file in enumerate(files) if number[file] % workers == worker])


@dataclass(frozen=True)
class Records:
    """An opened data set: `splits` by name ("train", ...); `choice` is its name in `--dataset`.

    `format` is "tfrecord", "lmdb" or "raw".
    """

    name: str
    choice: str | None
    path: Path
    format: str
    info: Info
    splits: dict[str, Split]
