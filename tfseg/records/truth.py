"""Faults that make the labels of a whole split useless, in one wording for all commands."""

from tfseg.errors import UserError
from tfseg.labels import VOID

MOST_NAMED = 8


def all_void(split):
    return (
        f"every label of {split} is entirely void, so there is nothing to learn or to measure; "
        f"correct its masks or the table of classes, or leave the split out"
    )


def one_class(split, name):
    return (
        f"every label of {split} is only {name}, so nothing can be learned or measured; check that "
        f"its masks are the right ones, and say what their values mean in the table"
    )


def without_pixels(split, names):
    listed = ", ".join(map(str, names[:MOST_NAMED]))
    more = f" and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else ""
    return (
        f"{split} has no pixel of {listed}{more}: nothing to learn from; add frames, or shorten "
        f"the table of classes"
    )


def faults(split, classes, present):
    """Yields lines about a split in which the label values `present` (a set, void 255) occur.

    Raises `UserError` if only void occurs.
    """
    if present == {VOID}:
        raise UserError(all_void(split))
    seen = [name for index, name in enumerate(classes) if index in present]
    if len(seen) == 1 and len(classes) > 1:
        yield one_class(split, seen[0])
    missing = [name for index, name in enumerate(classes) if index not in present]
    if split == "train" and missing and seen:
        yield without_pixels(split, missing)


def check(split):
    """Lines about an opened `Split`; stops reading once all classes occur. Raises `UserError`."""
    classes = split.info.classes
    enough = len(classes) if split.name == "train" else min(2, len(classes))
    return list(faults(split.name, classes, _present(split, enough)))


def _present(split, enough):
    """Label values that occur; stops at `enough` classes. Decodes no images."""
    import tensorflow as tf

    from tfseg.records.corrupt import naming_corrupt
    from tfseg.records.example import decode

    def labels(index):
        serialized = tf.numpy_function(split.read, [index], tf.string, stateful=False)
        return tf.unique(tf.reshape(decode(serialized, split.info.encoding)[1], (-1,)))[0]

    present = set()
    with naming_corrupt(split):
        for found in tf.data.Dataset.range(len(split)).map(labels, 2).as_numpy_iterator():
            present |= set(found.tolist())
            if len(present - {VOID}) >= enough:
                break
    return present
