"""The graph that every format carries: uint8 RGB pixels in, masks out, weights as constants."""

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfseg.metrics import class_indices

OUTPUTS = ("mask", "probabilities", "logits")


def make_graph(network, outputs, batch=None):
    """A network as a frozen function: uint8 (N, H, W, 3) -> a list of `outputs`, in their order.

    "mask" is uint8 (N, H, W), "probabilities" and "logits" are float32 (N, H, W, K). Height and
    width are those that the network was built for, N is `batch`; None takes any.
    """
    height, width = network.input_shape[1:3]

    def segment(images):
        logits = network(tf.cast(images, tf.float32), training=False)
        make = {
            "mask": lambda: tf.cast(class_indices(logits), tf.uint8),
            "probabilities": lambda: tf.nn.softmax(logits),
            "logits": lambda: logits,
        }
        return [make[output]() for output in outputs]

    pixels = tf.TensorSpec((batch, height, width, 3), tf.uint8, name="images")
    function = tf.function(segment, input_signature=[pixels])
    return convert_variables_to_constants_v2(function.get_concrete_function())
