"""Finds damaged examples, and reads splits without them."""

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
# TensorFlow's own errors, and the one it causes when its message quotes bytes that are not UTF-8.
DAMAGE = (tf.errors.OpError, UnicodeDecodeError)


@contextmanager
def naming_corrupt(*splits):
    """Turns a TensorFlow error into a `UserError` that names the damaged example, if any."""
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

    Raises `UserError` for a damaged example, with its place.
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
    """The rest of an example, see `decode_about`. Raises `UserError` if it is damaged."""
    serialized = split.read(index)
    try:
        return decode_about(serialized)
    except DAMAGE as error:
        raise _damaged(split, index, _short(error)) from None


def corruption_of(split, index):
    """A line about a damaged example, with its place; None if the example is intact."""
    try:
        read_frame(split, index)
    except UserError as error:
        return error.typed
    return None


def _damaged(split, index, reason):
    return UserError(f"{split.where(index)} is damaged ({reason}); {MEND}")


def _short(error):
    """An error's message without the name of the TensorFlow node."""
    if isinstance(error, UnicodeDecodeError):  # see DAMAGE
        return "it is not a serialized example"
    return " ".join(re.sub(r"{{.*?}}", "", error.message).split())[:120]


def without_corrupt(split):
    """The split without its damaged examples; prints how many and which.

    Decodes every example once. Raises `UserError` if all are damaged.
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
