"""The graph that all formats share: uint8 RGB pixels in, masks out."""

import tempfile
from contextlib import contextmanager

import tensorflow as tf

from tfseg.decision import Decision

OUTPUTS = ("mask", "probabilities", "logits")


def make_module(network, config):
    """A `tf.Module` that holds a network's weights and `segment`, the function to export.

    `segment` maps `images` uint8 (N, H, W, 3) to a dict of the `outputs` of an `ExportConfig`:
    "mask" is uint8 (N, H, W), or (N, H, W, K) for a multilabel network; "probabilities" and
    "logits" are float32 (N, H, W, K); a binary network has two probabilities and one logit. Height
    and width are the network's, N is the config's `batch`; None accepts any.
    """

    def segment(images):
        return answers(network(tf.cast(images, tf.float32), training=False), config)

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.segment = tf.function(segment, input_signature=[pixels(network, config.batch)])
    return module


def pixels(network, batch):
    """The input spec of an exported function."""
    return tf.TensorSpec((batch, *network.input_shape[1:]), tf.uint8, name="images")


def decision_of(config):
    """The `Decision` of an `ExportConfig`."""
    return Decision(config.task, config.threshold or ())


def answers(logits, config):
    """Logits (N, H, W, K) as a dict of an `ExportConfig`'s `outputs`."""
    decision = decision_of(config)
    make = {
        "mask": lambda: decision.mask(logits),
        "probabilities": lambda: decision.probabilities(logits),
        "logits": lambda: logits,
    }
    return {output: make[output]() for output in config.outputs}


@contextmanager
def saved_folder(network, config):
    """A temporary folder with a SavedModel, which LiteRT and OpenVINO convert."""
    module = make_module(network, config)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.segment)
        yield folder
