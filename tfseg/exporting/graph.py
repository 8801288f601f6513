"""The graph that every format carries: uint8 RGB pixels in, masks out."""

import tempfile
from contextlib import contextmanager

import tensorflow as tf

from tfseg.metrics import class_indices, class_logits

OUTPUTS = ("mask", "probabilities", "logits")


def make_module(network, outputs, batch=None, threshold=0.5):
    """A `tf.Module` that holds a network's weights and `segment`, the function to export.

    `segment` maps `images` uint8 (N, H, W, 3) to a dict of `outputs`: "mask" is uint8 (N, H, W),
    "probabilities" and "logits" are float32 (N, H, W, K). Height and width are those that the
    network was built for, N is `batch`; None takes any. A binary network has one logit and two
    probabilities; those above `threshold` are class 1 in the mask.
    """

    def segment(images):
        logits = network(tf.cast(images, tf.float32), training=False)
        return answers(logits, outputs, threshold)

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.segment = tf.function(segment, input_signature=[pixels(network, batch)])
    return module


def pixels(network, batch):
    """What an exported function takes first."""
    return tf.TensorSpec((batch, *network.input_shape[1:]), tf.uint8, name="images")


def answers(logits, outputs, threshold=0.5):
    """Logits (N, H, W, K) as a dict of `outputs`."""
    make = {
        "mask": lambda: tf.cast(class_indices(logits, threshold), tf.uint8),
        "probabilities": lambda: tf.nn.softmax(class_logits(logits)),
        "logits": lambda: logits,
    }
    return {output: make[output]() for output in outputs}


@contextmanager
def saved_folder(network, config):
    """A folder with the SavedModel that LiteRT and OpenVINO read."""
    module = make_module(network, config.outputs, config.batch, config.threshold)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.segment)
        yield folder
