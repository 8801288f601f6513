"""An exported network at work in the runtime that its file is for."""

import importlib.util
import os
from pathlib import Path

from tfseg.errors import UserError


def open_export(path):
    """An export as a function: images uint8 (N, H, W, 3) -> its outputs as arrays, by name.

    `path` is the folder of a SavedModel, or a file that ends in .tflite, .onnx or .xml. Raises
    `UserError` for what is no export, and where its runtime is not installed.
    """
    path = Path(path)
    package, read = _RUNTIMES.get(path.suffix, ("tensorflow", _saved_model))
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"{path} needs {package.replace('_', '-')}: python -m pip install 'tfseg[export]'"
        )
    try:
        return read(path)
    except Exception as error:  # every runtime has errors of its own
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path} is no exported network: {reason}") from None


def _saved_model(folder):
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    served = model.signatures["serving_default"]

    def run(images):
        return {name: value.numpy() for name, value in served(images=tf.constant(images)).items()}

    run.model = model  # which its signature does not keep alive
    return run


def _litert(file):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=os.cpu_count())
    pixels = interpreter.get_input_details()[0]["index"]

    def run(images):
        interpreter.resize_tensor_input(pixels, images.shape)
        return interpreter.get_signature_runner("serving_default")(images=images)

    return run


def _onnx(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {"images": images}), strict=True))


def _openvino(file):
    import openvino

    # Left alone, it computes in bfloat16 where the processor can.
    model = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [output.any_name for output in model.outputs]

    def run(images):
        results = model({"images": images})
        return {name: results[name] for name in names}

    return run


# how a file ends -> the package that runs it, and how it is opened
_RUNTIMES = {
    ".tflite": ("ai_edge_litert", _litert),
    ".onnx": ("onnxruntime", _onnx),
    ".xml": ("openvino", _openvino),
}
