"""Finds the images of `--input`: files, folders with subfolders, patterns, or lists of these."""

import glob
from pathlib import Path

from tfseg.datasets.files import PICTURES
from tfseg.errors import UserError


def find_images(given: Path, output: Path) -> list[tuple[Path, Path]]:
    """(file, its output path without extension) of every image, sorted by name.

    The structure of a folder is kept; several folders each get one in the output. Images inside
    `output` are skipped, because an earlier call wrote them. Raises `UserError` for a path that
    does not exist or holds no images.
    """
    text = str(given)
    parts = [text] if given.exists() else [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError(f"--input={text} names nothing; give files, folders or patterns, e.g. a,b")
    found: dict[Path, Path] = {}
    for part in parts:
        for path, place in _of_part(Path(part).expanduser(), output.resolve(), len(parts) > 1):
            found.setdefault(path, place.with_suffix(""))
    return list(found.items())


def _of_part(path, output, several):
    if path.is_dir():
        inside = _images(path.rglob("*"), path, output)
        if not inside:
            raise UserError(f"--input={path} holds no images ({', '.join(sorted(PICTURES))})")
        above = Path(path.resolve().name) if several else Path()
        return [(file, above / file.relative_to(path)) for file in inside]
    if path.exists():
        return [(path, Path(path.name))]
    if not glob.has_magic(str(path)):
        raise UserError(f"--input={path} does not exist; check its name")
    root = _root(path)
    inside = _images(map(Path, glob.iglob(str(path), recursive=True)), root, output)
    if not inside:
        raise UserError(
            f"--input={path} matches no images ({', '.join(sorted(PICTURES))}); check the pattern"
        )
    return [(file, file.relative_to(root)) for file in inside]


def _root(pattern):
    """The folder before the first wildcard."""
    root = Path()
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        root /= part
    return root


def _images(files, root, output):
    """The image files, without hidden ones and those in `output`, sorted by name."""
    inside = output != root.resolve() and output.is_relative_to(root.resolve())
    return sorted(
        file
        for file in files
        if file.suffix.lower() in PICTURES
        and not file.is_dir()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
        and not (inside and file.resolve().is_relative_to(output))
    )
