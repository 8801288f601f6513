"""Which examples are damaged, and reading without them."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import tensorflow as tf
from tqdm import tqdm

from tfseg.atomic import full_disk
from tfseg.errors import UserError
from tfseg.records.example import decode, decode_about
from tfseg.records.metadata import MEND

NAMED = 3  # damaged examples that are named; the others are counted
# What TensorFlow raises: of its own, and where a message of its own quotes bytes that are no UTF-8.
DAMAGE = (tf.errors.OpError, UnicodeDecodeError)


@contextmanager
def naming_corrupt(*splits):
    """Turns a TensorFlow error into a `UserError` that names the damaged example, if one is."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if full_disk(error):
            raise UserError(f"could not write: {_short(error)}; free some space") from None
        raise UserError(
            f"out of memory ({_short(error)}); lower --batch_size or --crop_size"
        ) from None
    except DAMAGE:
        for split in splits:
            for index in range(len(split)):
                if damage := corruption_of(split, index):
                    raise UserError(f"{damage}, or --skip_damaged leaves it out") from None
        raise


def read_frame(split, index):
    """The image uint8 (H, W, 3) and the label uint8 (H, W) of an example, as tensors.

    Raises `UserError` for one that is damaged, with its place.
    """
    serialized = split.read(index)
    try:
        image, label = decode(serialized, split.info.encoding)
    except DAMAGE as error:
        raise _damaged(split, index, _short(error)) from None
    size = tuple(label.shape)
    if size != tuple(image.shape[:2]) or size not in split.sizes:
        raise _damaged(split, index, f"its label is {size[0]}x{size[1]}, which is impossible")
    return image, label


def read_about(split, index):
    """The rest of an example, see `decode_about`. Raises `UserError` for one that is damaged."""
    serialized = split.read(index)
    try:
        return decode_about(serialized)
    except DAMAGE as error:
        raise _damaged(split, index, _short(error)) from None


def corruption_of(split, index):
    """One line on an example that is damaged, with its place; None for a sound one."""
    try:
        read_frame(split, index)
    except UserError as error:
        return error.typed
    return None


def _damaged(split, index, reason):
    return UserError(f"{split.where(index)} is damaged ({reason}); {MEND}")


def _short(error):
    """An error's message without the name of TensorFlow's node that it is wrapped in."""
    if isinstance(error, UnicodeDecodeError):  # of a message that quotes the bytes
        return "it is not a serialized example"
    return " ".join(re.sub(r"{{.*?}}", "", error.message).split())[:120]


def without_corrupt(split):
    """The split without the examples that do not decode; says how many those are, and which.

    Every example is decoded once. Raises `UserError` where none is sound.
    """
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda index: corruption_of(split, index), range(len(split)))
        found = list(tqdm(found, f"checking {split.name}", len(split), unit="frame"))
    damaged = [line.partition(";")[0] for line in found if line]
    if not damaged:
        return split
    if len(damaged) == len(split):
        raise UserError(f"every example of {split.name} is damaged; the first: {damaged[0]}")
    more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    print(
        f"{split.name}: skipped {len(damaged)} damaged of {len(split)} examples: "
        f"{'; '.join(damaged[:NAMED])}{more}"
    )
    return split.only([index for index, line in enumerate(found) if not line])
