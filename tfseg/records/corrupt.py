"""Which examples are damaged, and reading without them."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import tensorflow as tf
from tqdm import tqdm

from tfseg.errors import UserError
from tfseg.records.example import decode

NAMED = 3  # damaged examples that are named; the others are counted


@contextmanager
def naming_corrupt(*splits):
    """Turns a TensorFlow error into a `UserError` that names the damaged example, if one is."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            f"out of memory ({_short(error)}); lower --batch_size or --crop_size"
        ) from None
    except tf.errors.OpError:
        for split in splits:
            for index in range(len(split)):
                if damage := corruption_of(split, index):
                    raise UserError(f"{damage}; convert again, or --skip_damaged") from None
        raise


def corruption_of(split, index):
    """One line on an example that does not decode, with its place; None for a sound one."""
    try:
        decode(split.read(index), split.info.encoding)
    except UserError as error:
        return error.typed
    except tf.errors.OpError as error:
        return f"{split.where(index)} is damaged ({_short(error)})"
    return None


def _short(error):
    """A TensorFlow error's message without the name of the node that it is wrapped in."""
    return " ".join(re.sub(r"{{.*?}}", "", error.message).split())[:120]


def without_corrupt(split):
    """The split without the examples that do not decode; says how many those are, and which.

    Every example is decoded once. Raises `UserError` where none is sound.
    """
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda index: corruption_of(split, index), range(len(split)))
        found = list(tqdm(found, f"checking {split.name}", len(split), unit="frame"))
    damaged = [line for line in found if line]
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
