"""Which example is damaged, once reading or decoding has failed somewhere in a pipeline."""

import tensorflow as tf

from tfseg.records.example import decode


def locate_damage(split):
    """One line on the first example of a split that does not decode; None where all do."""
    for index in range(len(split)):
        try:
            decode(split.read(index), split.info.encoding)
        except tf.errors.OpError as error:
            reason = " ".join(error.message.split())[:120]
            return f"{split.where(index)} is damaged ({reason}); convert again"
    return None
