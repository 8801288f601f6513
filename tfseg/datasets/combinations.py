"""Labels where a pixel can have several classes: a value for each combination that occurs.

Between a raw data set and its records such a label is "bits", int64 (H, W): bit i is set where a
pixel has class i, and all of them are (-1) where it is void.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec
from tfseg.errors import UserError
from tfseg.labels import BACKGROUNDS, MOST_CLASSES, VOID

MOST = 60  # classes, which are bits here
NOTHING = -1  # bits of void pixels


def check_classes(source, classes):
    """Raises `UserError` for too many classes, and for names that would hide a combination."""
    if len(classes) > MOST:
        raise UserError(f"{source} has {len(classes)} classes; the most is {MOST}")
    for name in classes:
        if "+" in name or name.lower() in BACKGROUNDS:
            raise UserError(f"{source}: a class cannot be called {name!r}; rename it")


def combined(name, title, classes, colors, listed, faults, source, alone=()):
    """The `DatasetSpec` whose classes are the combinations of `classes` that occur.

    Args:
        classes, colors: of which a pixel can have any number.
        listed: split -> frames whose labels draw bits.
        faults: (line, whether it spoils), which listing the frames reports.
        alone: bits that are there whether they occur or not, beside 0.
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
    shapes cover it, not the topmost alone.

    The labels of `spec`'s frames are `partial(draw, size, shapes)`, and a third argument for what
    pixels outside of all shapes are; a shape's first item is its class. Shapes of the background
    take away the classes that lie below them. Void is wherever one of its shapes lies.

    Args:
        order: (size, shapes) -> shapes in the order in which they lie on each other, where that is
            not theirs.
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
    """Bits of a label that is drawn of shapes; its class `first` is the first bit."""
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
    """The combinations of classes that occur, as bits, fewer classes first; 0 is always there."""
    found = {0, *alone}
    frames = [frame for every in listed.values() for frame in every]
    for frame in tqdm(frames, "reading labels", unit="frame", leave=False):
        found |= set(np.unique(frame.label()).tolist())
    found -= {NOTHING}
    if len(found) > MOST_CLASSES:
        raise UserError(
            f"{source} has {len(found)} combinations of classes; the most is {MOST_CLASSES}"
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
    """The label of a frame, uint8 (H, W): the place of each pixel's combination in `sets`."""
    order, bits = np.argsort(sets), bits()
    places = np.searchsorted(sets, np.maximum(bits, 0), sorter=order)
    return np.where(bits == NOTHING, VOID, order[places]).astype(np.uint8)


def _name(bits, classes):
    return "+".join(name for i, name in enumerate(classes) if bits >> i & 1) or "background"


def _color(bits, colors):
    """The mean colour of the classes; black for none."""
    chosen = [color for i, color in enumerate(colors) if bits >> i & 1]
    return tuple(int(level) for level in np.mean(chosen, axis=0)) if chosen else (0, 0, 0)
