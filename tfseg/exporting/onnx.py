"""ONNX files: tf2onnx writes them, ONNX Runtime runs them."""

import logging

import numpy as np
import tensorflow as tf

from tfseg.exporting.graph import answers, pixels


def write(network, folder, config, frames):
    """Writes `model.onnx`; adds weights last, because tf2onnx copies constants in every step."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    trainable = len(network.trainable_variables)
    variables = [*network.trainable_variables, *network.non_trainable_variables]
    weights = {f"weight{i}": variable.numpy() for i, variable in enumerate(variables)}
    specs = [tf.TensorSpec(array.shape, array.dtype, name) for name, array in weights.items()]
    signature = [pixels(network, config.batch), *specs]

    @tf.function(input_signature=signature)
    def segment(images, *given):
        images = tf.cast(images, tf.float32)
        logits, _ = network.stateless_call(
            given[:trainable], given[trainable:], images, training=False
        )
        return answers(logits, config)

    model, _ = tf2onnx.convert.from_function(segment, signature, opset=18)
    _fill_in(model.graph, weights)
    for node in model.graph.node:
        if node.op_type == "Conv":
            _pad_alike(node)
    for value in (*model.graph.input, *model.graph.output):
        for dim, side in zip(value.type.tensor_type.shape.dim, ("N", "H", "W"), strict=False):
            if not dim.dim_value:
                dim.dim_param = side
    onnx.save(model, folder / "model.onnx")


def read(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {"images": images}), strict=True))


def _fill_in(graph, weights):
    """Replaces the inputs of an ONNX graph named in `weights`, name -> array, by constants."""
    from onnx.numpy_helper import from_array

    for node in list(graph.node):
        if node.op_type == "Transpose" and node.input[0] in weights:
            order = next(iter(node.attribute)).ints
            array = np.ascontiguousarray(weights[node.input[0]].transpose(order))
            graph.initializer.append(from_array(array, node.output[0]))
            graph.node.remove(node)
    used = {name for node in graph.node for name in node.input} & weights.keys()
    graph.initializer.extend(from_array(weights[name], name) for name in sorted(used))
    for value in list(graph.input):
        if value.name in weights:
            graph.input.remove(value)


def _pad_alike(conv):
    """Makes a convolution's "same" padding explicit: ONNX Runtime cannot pad dilated ones."""
    import onnx

    given = {attribute.name: attribute for attribute in conv.attribute}
    if "auto_pad" not in given or given["auto_pad"].s != b"SAME_UPPER":
        return
    if set(given["strides"].ints) == {1}:
        sides = zip(given["kernel_shape"].ints, given["dilations"].ints, strict=True)
        total = [dilation * (side - 1) for side, dilation in sides]
        before = [pad // 2 for pad in total]
        after = [pad - first for pad, first in zip(total, before, strict=True)]
        conv.attribute.remove(given["auto_pad"])
        conv.attribute.append(onnx.helper.make_attribute("pads", [*before, *after]))
