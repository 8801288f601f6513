"""Decides whether the pixels of a folder's masks are class indices or colours.

It reads masks until the decision is certain. Masks with unequal channels hold colours; for gray
and palette masks, the reading that explains their pixels decides.
"""

import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from tqdm import tqdm

from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.masks import colors, same_channels, step, values
from tfseg.errors import UserError
from tfseg.images import check_label_format, open_image
from tfseg.labels import VOID

AT_ONCE = 64  # masks read between two checks of the evidence
SURE = 32  # so many masks that agree, without any that disagrees, are certain
SURE_OF_GRAY = 256  # the same if only 255 decides, which may be void
STRAYS = 0.01  # share of pixels that may have colours outside the table
INDICES, COLORS = "indices", "colors"
_PLAIN = Values(tuple((i, i) for i in range(256)), channels=True)


@dataclass
class Evidence:
    """Pixel counts of gray and palette masks, read as indices and as colours of the table.

    `index` and `color` map a value and a colour to a class, void included.
    """

    index: dict
    color: dict
    valued: bool  # whether the table has a column of values
    colored: bool = False  # a mask has colours other than gray and palette
    pixels: Counter = field(default_factory=Counter)
    masks: Counter = field(default_factory=Counter)
    differ: tuple | None = None  # the first value whose readings differ

    def add(self, pairs):
        """Adds a mask: {(value, colour): pixels}; None if it has other colours."""
        if pairs is None:
            self.colored = True
            return
        found = Counter()
        for (value, color), count in pairs.items():
            for what in self._readings(value, color):
                found[what] += count
            found["all"] += count
        self.pixels += found
        self.masks += Counter(found.keys())

    def _readings(self, value, color):
        index, shown = self.index.get(value), self.color.get(color)
        if shown is None:
            yield "no color"
        elif len(set(color)) > 1:
            yield "vivid"  # which cannot be a coincidence
        if index is None and value != VOID:
            yield "no index"
        if index is not None and shown is None:
            yield "index alone"
        if index is None and shown is not None:
            yield "color alone"
        if None not in (index, shown) and index != shown:
            yield "differ"
            self.differ = self.differ or (value, index, shown)

    @property
    def decided(self):
        """Whether more masks can no longer change the decision."""
        has, masks = self.pixels, self.masks
        if self.colored:
            return True
        if has["no index"] or has["color alone"] or has["vivid"]:
            agree = not (has["no color"] or has["index alone"] or (self.valued and has["differ"]))
            soft = has["no index"] and has["color alone"] > 9 * has["index alone"]
            sure = max(masks["color alone"], masks["vivid"]) >= SURE_OF_GRAY
            return sure and bool(agree or soft)
        return masks["index alone"] >= SURE and not has["differ"]

    def kind(self, source):
        """INDICES or COLORS. Raises `UserError` if both are equally likely."""
        has = self.pixels
        if self.colored:
            return COLORS
        if not self.color:
            return INDICES
        told = self.valued and has["differ"] and not has["no index"]  # the values are indices
        if has["vivid"] and has["no color"] <= STRAYS * has["all"] and not told:
            return COLORS
        if has["no index"] and has["no color"]:
            return COLORS if has["color alone"] > has["index alone"] else INDICES
        if has["no index"]:
            return COLORS
        if has["no color"]:
            if has["index alone"] < STRAYS * has["color alone"]:
                raise _ask(source, f"value {VOID} is void or a class of the table's colours")
            return INDICES
        if not has["differ"]:
            return COLORS
        if self.valued and not has["vivid"]:
            return INDICES
        raise _ask(source, f"value {self.differ[0]} is one class by index, another by colour")


def _ask(source, why):
    return UserError(
        f"the masks of {source} may hold class indices or colours of the table: {why}; set "
        f'masks = "indices" or masks = "colors" in dataset.toml, or give each number in a column '
        f"`value` of the table"
    )


def kind_of(source, masks, rows):
    """INDICES or COLORS, from as many masks as needed."""
    classes = {row.name: VOID if row.void else row.name for row in rows}
    index = {value_of(row, i): classes[row.name] for i, row in enumerate(rows)}
    color = {row.color: classes[row.name] for row in rows if row.color is not None}
    evidence = Evidence(index, color, any(row.value is not None for row in rows))
    for pairs in look_at(masks):
        evidence.add(pairs)
        if evidence.decided:
            break
    return evidence.kind(source)


def look_at(masks, look=None):
    """Yields `look(mask)` (default `pairs_of`) of every readable mask, in a fixed random order."""
    look = partial(_look, look or pairs_of)
    order = random.Random(0).sample(masks, len(masks))
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(order), desc="reading masks", unit="mask", leave=False, delay=1) as bar,
    ):
        for start in range(0, len(order), AT_ONCE):
            for found in pool.map(look, order[start : start + AT_ONCE]):
                bar.update()
                if found is not False:
                    yield found


def _look(look, path):
    """The content of a mask; False if it cannot be read, which a later reader reports."""
    try:
        return look(path)
    except UserError:
        return False


def pairs_of(path):
    """{(value, colour): pixels} of a gray or palette mask; None if it has other colours."""
    file = open_image(path)
    if file.mode in ("1", "L", "P"):
        check_label_format(file)
        picture = file.picture()
        counts = picture.histogram()
        if file.mode == "P":
            table = picture.getpalette() + [0] * 768
            return {(i, tuple(table[3 * i : 3 * i + 3])): n for i, n in enumerate(counts) if n}
        return _gray(counts, step(file))
    if file.mode.startswith("RGB"):
        shown = colors(file)
        if not same_channels(shown):
            return None
        numbers = shown[..., 0]
    else:
        numbers = values(file, _PLAIN)
    return _gray(np.bincount(numbers.reshape(-1), minlength=256).tolist(), 1)


def _gray(counts, step):
    """{(number, colour): pixels} from pixels per gray level; numbers are `step` levels apart."""
    return {(i, (i * step,) * 3): n for i, n in enumerate(counts[::step]) if n}


def value_of(row, place):
    """The value of a class in index masks."""
    return place if row.value is None else row.value


def coding_of(rows, kind):
    """The `Colors` or `Values` of a table. Raises `UserError` if a class lacks its colour."""
    index, table = 0, {}
    for place, row in enumerate(rows):
        key = row.color if kind == COLORS else value_of(row, place)
        if key is None:
            raise UserError(
                f"the masks hold colours, but the table gives none for {row.name}; add r,g,b"
            )
        if key in table:
            raise UserError(
                f"value {key} is {row.name} and, by position in the table, another class; give "
                f"every class its value"
            )
        table[key] = VOID if row.void else index
        index += not row.void
    if kind == COLORS:
        return Colors(tuple(table.items()), soft=True)
    table.setdefault(VOID, VOID)
    return Values(tuple(table.items()), soft=_are_levels(table), channels=True)


def _are_levels(table):
    """Whether the values are gray levels, such as 0 and 255: all are at least 16 apart."""
    numbers = sorted(table)
    return min(np.diff(numbers), default=0) >= 16
