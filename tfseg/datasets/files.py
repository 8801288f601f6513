"""Finding pictures and their labels in raw folders."""

from pathlib import Path

from tfseg.datasets.spec import Frame
from tfseg.errors import UserError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def pair_folders(images, labels, coding, report, image_end="", label_end="", image_not=None):
    """The frames of two folders whose files bear the same stems, in the order of their names.

    `image_end` and `label_end` are what the stems of a kind end in, which is no part of the name
    they share ("NAME_L.png"), and `image_not` what those of images do not end in; other files are
    none of the pair's. A picture without a label, the reverse, or an empty folder goes to `report`.
    """
    found = pictures(images, report, image_end, image_not)
    truth = pictures(labels, report, label_end)
    for stem in sorted(found.keys() ^ truth.keys()):
        here, there = (found, labels) if stem in found else (truth, images)
        report(f"{here[stem]} has no partner in {there}; add it or remove the file")
    if not found:
        report(f"{images} holds no pictures ({', '.join(sorted(PICTURES))})")
    both = sorted(found.keys() & truth.keys())
    return [Frame(stem, found[stem], truth[stem], coding) for stem in both]


def pictures(folder, report, end="", end_not=None):
    """Stem without `end` -> path of the pictures in `folder` whose stems end so."""
    folder = Path(folder)
    if not folder.is_dir():
        report(f"{folder} is missing: it should hold the partners of its neighbour")
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
