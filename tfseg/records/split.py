"""An opened data set, its splits, and parts of them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Info:
    """What the examples mean: `colors` RGB in 0..255, `encoding` "encoded" or "raw".

    `pixel_range` are the values of the raw images that became 0 and 255, where it was given.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    void: int
    encoding: str
    pixel_range: tuple[float, float] | None = None


class Split:
    """One split: `len(split)`, `split.read(i)` the bytes of example i, from any thread.

    `sizes` are the distinct (height, width) of its frames. `parts` tell, where several data sets
    are read as one, how many frames each has and how many of them a training epoch takes.
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

        Raises `UserError` for one that is damaged.
        """
        from tfseg.records.corrupt import read_frame  # imports TensorFlow

        image, label = read_frame(self, index)
        return image.numpy(), label.numpy()

    def about(self, index: int):
        """The id of an example, and its objects' numbers uint16 (H, W), or None.

        Raises `UserError` for one that is damaged.
        """
        from tfseg.records.corrupt import read_about  # imports TensorFlow

        return read_about(self, index)

    def where(self, index):
        """File and place of an example, for error messages."""
        return self._store.where(self._indices[index])

    def file(self, index):
        """Which of its store's files an example lies in; equal for equal files."""
        return self._store.files[self._indices[index]]

    def only(self, chosen):
        """The split with the examples at the indices `chosen` alone, which ascend."""
        indices = [self._indices[index] for index in chosen]
        parts, start = [], 0
        for frames, slots in self.parts:
            left = sum(start <= index < start + frames for index in chosen)
            parts.append((left, round(slots * left / max(1, frames))))
            start += frames
        return Split(self.name, self.info, self.sizes, self._store, indices, tuple(parts))

    def for_worker(self, worker, workers):
        """What one of several workers reads: whole files where there are enough of them.

        Together the workers read everything, and nothing twice.
        """
        files = [self.file(index) for index in range(len(self))]
        number = {file: i for i, file in enumerate(dict.fromkeys(files))}
        if len(number) < workers:
            return self.only(range(worker, len(self), workers))
        return self.only([i for i, file in enumerate(files) if number[file] % workers == worker])


@dataclass(frozen=True)
class Records:
    """An opened data set: `splits` by name ("train", ...); `choice` is what `--dataset` says.

    `format` is "tfrecord", "lmdb" or "raw".
    """

    name: str
    choice: str | None
    path: Path
    format: str
    info: Info
    splits: dict[str, Split]
