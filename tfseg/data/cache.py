"""Keeps decoded frames in memory or on disk, so that later epochs skip decoding."""

import mmap
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tfseg.errors import UserError
from tfseg.memory import GB, free_memory
from tfseg.records.corrupt import naming_corrupt


def cached_frames(dataset, split, cache, cache_dir=None):
    """All frames of `dataset` (the split's, decoded, in order) as a list of (image, label) arrays.

    `cache` is "none" (returns None), "memory" or "disk". On disk, the arrays are in a file in
    `cache_dir` without a name, so the system frees it whenever the process ends, and no other run
    can use it.

    Raises `UserError` if the frames do not fit, or one does not decode.
    """
    if cache == "none":
        return None
    with naming_corrupt(split):
        if cache == "memory":
            # Four fifths of the free memory: training needs some too.
            _check_room(split, 0.8 * free_memory(), "--cache=memory", "use --cache=disk")
            return list(dataset.as_numpy_iterator())
        return _on_disk(dataset, split, Path(cache_dir))


def _check_room(split, room, flag, mend):
    needed = _decoded_bytes(split)
    if needed > room:
        raise UserError(
            f"{flag}: the decoded frames of {split.name} take {needed / GB:.1f} GB and there is "
            f"room for {room / GB:.1f} GB; {mend}"
        )


def _decoded_bytes(split):
    """4 bytes per pixel; uses the mean if frames have several sizes."""
    return round(4 * len(split) * np.mean([height * width for height, width in split.sizes]))


def _on_disk(dataset, split, folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        _check_room(split, free, f"--cache=disk: {folder}", "use --cache=none")
        with tempfile.TemporaryFile(dir=folder) as file:
            sizes = []
            for image, label in dataset.as_numpy_iterator():
                file.write(image)
                file.write(label)
                sizes.append(label.shape)
            file.flush()
            pixels = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except OSError as error:
        raise UserError(f"--cache=disk: {folder}: {error.strerror}; use --cache=none") from None
    return list(_frames(pixels, sizes))


def _frames(pixels, sizes):
    """Yields (image, label) views of the flat array."""
    start = 0
    for height, width in sizes:
        middle, end = start + 3 * height * width, start + 4 * height * width
        yield (
            pixels[start:middle].reshape(height, width, 3),
            pixels[middle:end].reshape(height, width),
        )
        start = end
