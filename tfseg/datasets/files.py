"""Finding pictures and their labels in raw folders."""

from pathlib import Path

from tfseg.datasets.spec import Frame
from tfseg.errors import UserError

PICTURES = {".png", ".jpg", ".jpeg"}


def pair_folders(images, labels):
    """The frames of two folders whose files bear the same stems, in the order of their names.

    Raises `UserError` for an empty folder, and for a picture without a label or the reverse.
    """
    found, truth = _by_stem(images), _by_stem(labels)
    for stem in sorted(found.keys() ^ truth.keys()):
        here, there = (found, labels) if stem in found else (truth, images)
        raise UserError(f"{here[stem]} has no partner in {there}; add it or remove the file")
    if not found:
        raise UserError(f"{images} holds no pictures ({', '.join(sorted(PICTURES))})")
    return [Frame(stem, found[stem], truth[stem]) for stem in sorted(found)]


def _by_stem(folder):
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is missing: it should hold the partners of its neighbour")
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            if path.stem in files:
                raise UserError(f"{path} and {files[path.stem].name} have the same stem")
            files[path.stem] = path
    return files
