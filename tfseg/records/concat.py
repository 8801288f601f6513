"""Several data sets read as one."""

import dataclasses
from bisect import bisect_right
from itertools import accumulate

from tfseg.errors import UserError
from tfseg.records.split import Records, Split


def concat(opened, weights=None):
    """`Records` whose splits join those of all data sets.

    `weights` set each data set's share of an epoch's training frames; without them, an epoch
    takes every frame once. Raises `UserError` if the data sets differ.
    """
    first, *others = opened
    for other in others:
        for key in ("classes", "encoding", "pixel_range"):
            if getattr(other.info, key) != getattr(first.info, key):
                raise UserError(
                    f"{first.path} and {other.path} have different {key}; "
                    f"only data sets that agree can be read together"
                )
    if weights and len(weights) != len(opened):
        raise UserError(f"--input_weights names {len(weights)} weights for {len(opened)} data sets")
    name = "+".join(records.name for records in opened)
    info = dataclasses.replace(first.info, name=name)
    names = dict.fromkeys(split for records in opened for split in records.splits)
    splits = {split: _concatenated(split, info, opened, weights) for split in names}
    return Records(name, None, first.path, first.format, info, splits)


def _concatenated(name, info, opened, weights):
    parts = [records.splits[name] for records in opened if name in records.splits]
    lengths = [len(part) for part in parts]
    slots = lengths
    if weights and name == "train":
        total = sum(lengths)
        ends = [round(total * end / sum(weights)) for end in accumulate(weights)]
        slots = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    sizes = sorted({tuple(size) for part in parts for size in part.sizes})
    return Split(name, info, sizes, _Parts(parts), parts=tuple(zip(lengths, slots, strict=True)))


class _Parts:
    """Splits one after another."""

    def __init__(self, parts):
        self.parts = parts
        self.starts = list(accumulate(map(len, parts), initial=0))
        self.files = [
            (i, part.file(index)) for i, part in enumerate(parts) for index in range(len(part))
        ]

    def __len__(self):
        return self.starts[-1]

    def read(self, index):
        part, inside = self._place(index)
        return part.read(inside)

    def where(self, index):
        part, inside = self._place(index)
        return part.where(inside)

    def _place(self, index):
        part = bisect_right(self.starts, index) - 1
        return self.parts[part], index - self.starts[part]
