"""Labels of pixels with several classes: one value for each combination that occurs.

During conversion such a label is "bits", int64 (H, W): bit i is set if the pixel has class i, and
all bits (-1) if it is void.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec
from tfseg.errors import UserError
from tfseg.labels import BACKGROUNDS, MOST_CLASSES, VOID

MOST = 60  # classes, one bit each
NOTHING = -1  # bits of void pixels


def check_classes(source, classes):
    """Raises `UserError` for too many classes, and for names that look like a combination."""
    if len(classes) > MOST:
        raise UserError(
            f"{source} has {len(classes)} classes; the most of a multilabel data set is {MOST}; "
            f"leave some out"
        )
    for name in classes:
        if "+" in name or name.lower() in BACKGROUNDS:
            raise UserError(f"{source}: a class cannot be called {name!r}; rename it")


def combined(name, title, classes, colors, listed, faults, source, alone=()):
    """The `DatasetSpec` whose classes are the combinations of `classes` that occur.

    Args:
        classes, colors: the classes; a pixel can have any number of them.
        listed: split -> frames whose labels draw bits.
        faults: (line, whether it is an error), reported when the frames are listed.
        alone: bits to include even if they do not occur, besides 0.
    """
    sets = _sets(listed, source, alone)
    return DatasetSpec(
        name,
        title,
        tuple(_name(bits, classes) for bits in sets),
        tuple(_color(bits, np.array(colors)) for bits in sets),
        partial(_frames, listed=listed, sets=tuple(sets), faults=faults),
    )


def every_class(spec, source, order=None):
    """The `DatasetSpec` of an annotation tool's export in which a pixel has every class whose
    shapes cover it, not only the topmost.

    The labels of `spec`'s frames are `partial(draw, size, shapes)`, with an optional third
    argument, the class of pixels outside all shapes; a shape's first item is its class. Background
    shapes erase the classes below them. All pixels of a void shape are void.

    Args:
        order: (size, shapes) -> shapes from bottom to top, if they are not listed so.
    """
    faults, first = [], int(spec.classes[0].lower() in BACKGROUNDS)
    splits = spec.frames(source, lambda line, spoils=True: faults.append((line, spoils)))
    classes, colors = spec.classes[first:], spec.colors[first:]
    check_classes(source, classes)
    listed = {
        split: [replace(frame, label=partial(_bits, frame.label, first, order)) for frame in frames]
        for split, frames in splits.items()
    }
    alone = {1 << i for i in range(len(classes))}
    return combined(spec.name, spec.title, classes, colors, listed, faults, source, alone)


def _bits(drawn, first, order):
    """Bits of a label drawn from shapes; class `first` is the first bit."""
    size, shapes, *rest = drawn.args
    bits, void = np.zeros(size, np.int64), np.zeros(size, bool)
    for index, *shape in order(size, shapes) if order else shapes:
        inside = drawn.func(size, ((1, *shape),), *([0] if rest else [])) == 1
        if index == VOID:
            void |= inside
        elif index < first:
            bits[inside] = 0
        else:
            bits[inside] |= 1 << (index - first)
    if rest == [VOID]:
        void |= bits == 0
    bits[void] = NOTHING
    return bits


def _sets(listed, source, alone):
    """The combinations of classes that occur, as bits, fewer classes first; always includes 0."""
    found = {0, *alone}
    frames = [frame for every in listed.values() for frame in every]
    for frame in tqdm(frames, "reading labels", unit="frame", leave=False):
        found |= set(np.unique(frame.label()).tolist())
    found -= {NOTHING}
    if len(found) > MOST_CLASSES:
        raise UserError(
            f"{source} has {len(found)} combinations of classes; the most is {MOST_CLASSES}, "
            f"because a label has one byte per pixel; leave out classes"
        )
    return sorted(found, key=lambda bits: (bits.bit_count(), bits))


def _frames(source, report, listed, sets, faults):
    for line, spoils in faults:
        report(line, spoils)
    return {
        split: [
            replace(frame, label=partial(draw, frame.label, sets), coding=indices(len(sets)))
            for frame in frames
        ]
        for split, frames in listed.items()
    }


def draw(bits, sets):
    """The label of a frame, uint8 (H, W): the index of each pixel's combination in `sets`."""
    order, bits = np.argsort(sets), bits()
    places = np.searchsorted(sets, np.maximum(bits, 0), sorter=order)
    return np.where(bits == NOTHING, VOID, order[places]).astype(np.uint8)


def _name(bits, classes):
    return "+".join(name for i, name in enumerate(classes) if bits >> i & 1) or "background"


def _color(bits, colors):
    """The mean colour of the classes; black for none."""
    chosen = [color for i, color in enumerate(colors) if bits >> i & 1]
    return tuple(int(level) for level in np.mean(chosen, axis=0)) if chosen else (0, 0, 0)
