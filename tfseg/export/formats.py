"""The files of other runtimes, each made from the same function."""

import importlib.util
import logging
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfseg.errors import UserError, unknown
from tfseg.export.graph import answers, make_module, pixels
from tfseg.export.saved_model import write_saved_model


@dataclass(frozen=True)
class Format:
    """A row of `FORMATS`.

    Attributes:
        write: (network, folder, config, frames): writes a folded network, with the policy that
            the format asks for, as an `ExportConfig` says. `frames` (N, H, W, 3) are pictures
            that the ranges of int8 come from.
        title: what its authors call it.
        file: its name in the folder; a SavedModel is the folder itself.
        packages: what writing it imports, beside TensorFlow.
        policies: precision -> the Keras policy of the network that is converted. A format that
            lowers the precision itself takes a network in float32.
        refusal: why it has none of the other precisions.
    """

    write: Callable
    title: str
    file: str
    packages: tuple[str, ...]
    policies: dict[str, str]
    refusal: str


@contextmanager
def _saved(network, config):
    """A folder with the SavedModel that LiteRT and OpenVINO read."""
    module = make_module(network, config.outputs, config.batch)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.segment)
        yield folder


def _write_litert(network, folder, config, frames):
    with _saved(network, config) as saved:
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        if config.precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if config.precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if config.precision == "int8":
            converter.representative_dataset = lambda: ({"images": frame} for frame in frames)
        (folder / "model.tflite").write_bytes(converter.convert())


def _write_openvino(network, folder, config, frames):
    import openvino

    with _saved(network, config) as saved:
        model = openvino.Core().read_model(saved)
        if config.precision == "int8":
            import nncf

            dataset = nncf.Dataset(frames, lambda frame: {"images": frame})
            model = nncf.quantize(model, dataset, subset_size=len(frames))
        openvino.save_model(
            model, folder / "model.xml", compress_to_fp16=config.precision == "float16"
        )


def _write_onnx(network, folder, config, frames):
    """The weights are filled in last: tf2onnx keeps every step's copy of the constants it sees."""
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
        return answers(logits, config.outputs)

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


def _fill_in(graph, weights):
    """Makes constants of the inputs of an ONNX graph that stand for `weights`, name -> array."""
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
    """Says a convolution's "same" padding in numbers: ONNX Runtime cannot pad dilated ones."""
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


FLOATS = {"float32": "float32", "float16": "mixed_float16"}

FORMATS = {
    "saved_model": Format(
        write_saved_model,
        "a SavedModel",
        "",
        (),
        {**FLOATS, "bfloat16": "mixed_bfloat16"},
        "TensorFlow has no convolution for it",
    ),
    "litert": Format(
        _write_litert,
        "LiteRT",
        "model.tflite",
        (),
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "its interpreter has no convolution for it",
    ),
    "onnx": Format(
        _write_onnx,
        "ONNX",
        "model.onnx",
        ("onnx", "tf2onnx"),
        FLOATS,
        "ONNX Runtime has no convolution for bfloat16 on a CPU, and tf2onnx writes no int8",
    ),
    "openvino": Format(
        _write_openvino,
        "OpenVINO",
        "model.xml",
        ("openvino",),
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "it turns to bfloat16 when it compiles a float32 file (INFERENCE_PRECISION_HINT)",
    ),
}


def check_formats(names, precision):
    """Raises `UserError` for a format that is unknown, lacks `precision`, or is not installed."""
    for name in names:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
        wanted = FORMATS[name]
        if precision not in wanted.policies:
            raise UserError(
                f"--precision={precision}: not in {wanted.title}: {wanted.refusal}; choose one of "
                f"{', '.join(wanted.policies)}"
            )
        quantizer = ("nncf",) if (name, precision) == ("openvino", "int8") else ()
        for package in (*wanted.packages, *quantizer):
            if importlib.util.find_spec(package) is None:
                raise UserError(
                    f"--format={name} needs {package}: python -m pip install 'tfseg[export]'"
                )
