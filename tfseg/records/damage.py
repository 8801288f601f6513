"""Which example is damaged, once reading or decoding has failed somewhere in a pipeline."""

from contextlib import contextmanager

import tensorflow as tf

from tfseg.errors import UserError
from tfseg.records.example import decode


@contextmanager
def naming_damage(*splits):
    """Turns a TensorFlow error into a `UserError` that names the damaged example, if one is."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        reason = " ".join(error.message.split())[:120]
        raise UserError(f"out of memory ({reason}); lower --batch_size or --crop_size") from None
    except tf.errors.OpError:
        for split in splits:
            if damage := locate_damage(split):
                raise UserError(damage) from None
        raise


def locate_damage(split):
    """One line on the first example of a split that does not decode; None where all do."""
    for index in range(len(split)):
        try:
            decode(split.read(index), split.info.encoding)
        except tf.errors.OpError as error:
            reason = " ".join(error.message.split())[:120]
            return f"{split.where(index)} is damaged ({reason}); convert again"
    return None
