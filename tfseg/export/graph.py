"""The graph that every format carries: uint8 RGB pixels in, masks out."""

import tensorflow as tf

from tfseg.metrics import class_indices

OUTPUTS = ("mask", "probabilities", "logits")


def make_module(network, outputs, batch=None):
    """A `tf.Module` that holds a network's weights and `segment`, the function to export.

    `segment` maps `images` uint8 (N, H, W, 3) to a dict of `outputs`: "mask" is uint8 (N, H, W),
    "probabilities" and "logits" are float32 (N, H, W, K). Height and width are those that the
    network was built for, N is `batch`; None takes any.
    """
    pixels = tf.TensorSpec((batch, *network.input_shape[1:]), tf.uint8, name="images")

    def segment(images):
        logits = network(tf.cast(images, tf.float32), training=False)
        make = {
            "mask": lambda: tf.cast(class_indices(logits), tf.uint8),
            "probabilities": lambda: tf.nn.softmax(logits),
            "logits": lambda: logits,
        }
        return {output: make[output]() for output in outputs}

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.segment = tf.function(segment, input_signature=[pixels])
    return module
