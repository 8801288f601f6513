"""Drafts a table of classes for a raw folder from the values or colours of its masks."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfseg.datasets.folder import paired
from tfseg.datasets.mask_coding import look_at, pairs_of
from tfseg.datasets.masks import colors
from tfseg.datasets.tables import read_settings, table_of
from tfseg.doctor.issues import Finding, Issues
from tfseg.errors import UserError
from tfseg.images import open_image
from tfseg.labels import MOST_CLASSES, VOID, palette

FEW = 64  # up to so many colours, masks have no soft edges
RARE = 0.001  # share of the pixels; among many colours, rarer ones are soft edges


@dataclass(frozen=True)
class Entry:
    """A class of the draft; `color` and `value` are None if the table has none."""

    name: str
    color: tuple[int, int, int] | None
    value: int | None
    share: float

    @property
    def shown(self) -> str:
        return ",".join(map(str, self.color)) if self.color else ""


def entries(source: Path, path: Path) -> tuple[list[Entry], list[Finding]]:
    """The classes that the masks of `source` probably hold, and the problems of its files.

    Raises:
        UserError: if `path` or a table exists, or there are no masks to read.
    """
    if path.exists():
        raise UserError(f"--draft={path} exists; choose another file, or remove it")
    if not source.is_dir():
        raise UserError(f"--input={source} is not a folder; --draft is for a folder of raw data")
    if (table := table_of(source)) is not None:
        raise UserError(f"--draft is for a folder without a table, and {source} has {table.name}")
    issues = Issues()
    pairs = paired(source, read_settings(source), issues.add)
    counts = _counts([mask for listed in pairs.values() for _, _, mask in listed])
    if not counts:
        raise UserError(f"no mask of {source} can be read, so no table can be drafted from them")
    return _entries(counts), issues.findings()


def _counts(masks):
    """{(value, colour): pixels} of all masks; values are None if a mask has colours."""
    counts = Counter()
    for found in look_at(masks, _pairs):
        counts.update(found)
    if any(value is None for value, _ in counts):
        by_color = Counter()
        for (_, color), pixels in counts.items():
            by_color[None, color] += pixels
        return by_color
    return counts


def _pairs(path):
    found = pairs_of(path)
    if found is not None:
        return found
    raw = colors(open_image(path)).reshape(-1, 3).astype(np.int32)
    packed, pixels = np.unique(raw @ np.array([65536, 256, 1]), return_counts=True)
    return {
        (None, (color >> 16, color >> 8 & 255, color & 255)): int(count)
        for color, count in zip(packed.tolist(), pixels, strict=True)
    }


def _entries(counts):
    total = sum(counts.values())
    kept = {
        key: pixels
        for key, pixels in counts.most_common(MOST_CLASSES)
        if len(counts) <= FEW or pixels >= RARE * total
    }
    values = sorted({value for value, _ in kept if value is not None})
    gray = all(len(set(color)) == 1 for _, color in kept)
    if values and not (gray and _are_levels(kept)):
        return _by_value(kept, values, total)
    ordered = sorted(kept, key=lambda key: key[1]) if gray else list(kept)
    return [Entry(f"class_{i}", key[1], None, kept[key] / total) for i, key in enumerate(ordered)]


def _are_levels(kept):
    """Whether gray masks hold visible levels, such as 0 and 255, instead of indices."""
    levels = {color[0] for _, color in kept}
    return len(levels) > 1 and {0, VOID} <= levels and min(np.diff(sorted(levels))) >= 16


def _by_value(kept, values, total):
    """Entries of index masks, in their palette's colours if those are distinct."""
    colors = dict(sorted(kept))
    vivid = len(set(colors.values())) == len(values) == len(colors)
    vivid = vivid and any(len(set(color)) > 1 for color in colors.values())
    pixels = Counter()
    for (value, _), count in kept.items():
        pixels[value] += count
    listed, shown = [], palette(max(values) + 1)
    for value in values:
        if value == VOID:
            listed.append(Entry("void", None, value, pixels[value] / total))
            continue
        color = colors[value] if vivid else shown[value]
        listed.append(Entry(f"class_{value}", color, value, pixels[value] / total))
    return listed


def table(found: list[Entry]) -> str:
    """The text of a `classes.csv`."""
    valued = any(entry.value is not None for entry in found)
    lines = ["name,r,g,b" + (",value" if valued else "")]
    for entry in found:
        cells = [entry.name, entry.shown or ",,", *([str(entry.value)] if valued else [])]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"
