"""Finds images and their labels in raw folders, and reads text files."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from tfseg.datasets.spec import Frame
from tfseg.errors import UserError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
MOST_BYTES = 4 << 30  # of a text file; COCO's largest has half a gigabyte


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading, unbuffered.

    Raises `UserError` for a file that cannot be opened, and for a pipe or a device: reading those
    might never end.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; put it there") from None
    except (OSError, ValueError) as error:  # ValueError: an impossible name, as with a null byte
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} cannot be read: {reason}; check the file and its permissions"
        ) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UserError(f"{path} is not a regular file; put a file there, or remove it")
    return open(file, "rb", buffering=0)


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises `UserError`."""
    with open_regular(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > MOST_BYTES:
            raise UserError(f"{path} has {size:,} bytes, too many for a text; replace the file")
        try:
            return file.readall()
        except (OSError, MemoryError) as error:
            reason = error.strerror if isinstance(error, OSError) else "out of memory"
            raise UserError(f"{path} cannot be read: {reason}; replace the file") from None


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8. Raises `UserError`."""
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start} is {data[error.start]:#04x}); save it "
            f"as UTF-8"
        ) from None


def pair_folders(images, labels, coding, report, image_end="", label_end="", image_not=None):
    """The frames of two folders whose files share their stems, sorted by name.

    `image_end` and `label_end` are suffixes of the stems, not part of the shared name
    ("NAME_L.png"); files with stems that lack them, or images that end in `image_not`, are
    ignored. An image without a label, the reverse, and an empty folder go to `report`.
    """
    found = pictures(images, report, image_end, image_not)
    truth = pictures(labels, report, label_end)
    for stem in sorted(found.keys() ^ truth.keys()):
        here, there = (found, labels) if stem in found else (truth, images)
        report(f"{here[stem]} has no partner in {there}; add it or remove the file")
    if not found:
        report(f"{images} holds no images ({', '.join(sorted(PICTURES))})")
    both = sorted(found.keys() & truth.keys())
    return [Frame(stem, found[stem], truth[stem], coding) for stem in both]


def pictures(folder, report, end="", end_not=None):
    """{stem without `end`: path} of the images in `folder` whose stems end in `end`."""
    folder = Path(folder)
    if not folder.is_dir():
        report(f"{folder} is missing: images and labels both need a folder")
        return {}
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES or path.name.startswith("."):
            continue
        if not path.stem.endswith(end) or (end_not and path.stem.endswith(end_not)):
            continue
        stem = path.stem.removesuffix(end)
        if stem in files:
            report(f"{path} and {files[stem].name} have the same stem; keep one of them")
        else:
            files[stem] = path
    return files


def not_here(source, name, wanted):
    """The error for a folder that is not the data set `name`; `wanted` should be in it."""
    return UserError(f"--source={source} is not {name}: it should hold {wanted}")
