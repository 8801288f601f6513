"""LiteRT files: TensorFlow's converter writes them, ai-edge-litert runs them."""

import os

import tensorflow as tf

from tfseg.exporting.graph import saved_folder
from tfseg.quiet import quiet


def write(network, folder, config, frames):
    with saved_folder(network, config) as saved:
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        if config.precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if config.precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if config.precision == "int8":
            converter.representative_dataset = lambda: ({"images": frame} for frame in frames)
        with quiet():
            file = converter.convert()
        (folder / "model.tflite").write_bytes(file)


def read(file):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def opened(kernels):
        return Interpreter(
            str(file), num_threads=os.cpu_count(), experimental_op_resolver_type=kernels
        )

    def answers(images):
        pixels = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(pixels, images.shape)
        return interpreter.get_signature_runner("serving_default")(images=images)

    def run(images):
        nonlocal interpreter
        try:
            return answers(images)
        except RuntimeError as error:
            # XNNPACK rejects int8 convolutions whose results are 256 times smaller than their
            # sums, as for a map that is almost always zero; LiteRT's slower kernels accept them.
            if "XNNPACK" not in str(error):
                raise
            interpreter = opened(OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
            return answers(images)

    interpreter = opened(OpResolverType.AUTO)
    return run
