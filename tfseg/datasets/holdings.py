"""Describes a folder of unknown layout, and names the nearest layout."""

import itertools
from collections import Counter
from pathlib import Path

from tfseg.datasets.layouts import scan, walk
from tfseg.datasets.tables import TABLES, table_of

MOST = 5  # folders named
MOST_WALKED = 2000  # folders visited, in case the user gives a whole disk


def holdings(source: Path, settings: dict | None = None) -> str:
    """A line about the images in the folder, the nearest layout, and its missing parts."""
    folders = itertools.islice(walk(source), MOST_WALKED)
    there = [(parts, files) for parts, files in folders if files]
    if not there:
        return f"there is no image in it: {_names(source)}"
    lines = [_folder(parts, files) for parts, files in there[:MOST]]
    if len(there) > MOST:
        lines.append(f"{len(there) - MOST} more folders with images")
    missing = _missing(source, settings or {})
    return f"there are {', '.join(lines)}; nearest layout: {_nearest(source)}; missing: {missing}"


def _names(source):
    names = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
    if not names:
        return "it is empty"
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if names[MOST:] else "")


def _folder(parts, files):
    kinds = Counter(Path(name).suffix.lower() for name in files)
    counts = " + ".join(f"{count} {kind}" for kind, count in kinds.most_common(2))
    return f"{'/'.join(parts) or 'the folder itself'} ({counts}, e.g. {files[0]})"


def _nearest(source):
    roots, _ = scan(source, {})
    if any(split for split, _ in roots):
        return "train/images + train/masks (val likewise)"
    return "images + masks"


def _missing(source, settings):
    roots, unknown = scan(source, settings)
    roles = {role for (_, role), found in roots.items() for root in found if root.files}
    bare = any(split and role is None for split, role in roots)
    missing = []
    for role in ("images", "masks"):
        if role not in roles and not (role == "images" and bare):
            named = sorted({path.name for path in unknown if path != source})[:2]
            key = f"{role.removesuffix('s')}_folder"
            hint = f" (rename one, or set {key} in dataset.toml)" if named else ""
            missing.append(f"a folder of {role}{hint}")
    if table_of(source) is None:
        missing.append(
            f"the table ({', '.join(TABLES)}), which inspect --input={source} "
            f"--draft={source}/classes.csv drafts"
        )
    return ", ".join(missing) or "pairs of images and masks with the same names"
