"""Records of frames that a test draws itself."""

from functools import partial

from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.records.convert import convert


def drawn_records(folder, name, classes, colors, drawn):
    """Records of 12 + 4 frames; `drawn(number, what)` gives the "image" or the "label" of one."""

    def several(numbers):
        parts = [(partial(drawn, i, "image"), partial(drawn, i, "label")) for i in numbers]
        return [
            Frame(str(i), *pair, indices(len(classes)))
            for i, pair in zip(numbers, parts, strict=True)
        ]

    def frames(source, report):
        return {"train": several(range(12)), "val": several(range(50, 54))}

    convert(DatasetSpec(name, name, classes, colors, frames, needs_source=False), None, folder)
    return folder
