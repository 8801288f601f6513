"""A trained run as a SavedModel: uint8 RGB images in, uint8 masks out."""

import os
import shutil
from pathlib import Path

import keras
import tensorflow as tf
from keras import ops

from tfseg.errors import UserError
from tfseg.evaluation.inference import load
from tfseg.metrics import class_indices


def export(config):
    """Writes `config.output` (an `ExportConfig`) whole or not at all, and returns it.

    Signature `serving_default`: `images` uint8 (N, H, W, 3), any size -> `mask` uint8 (N, H, W).
    """
    output = config.output
    if output is None:
        raise UserError("export needs --output=FOLDER, as --output=exports/linknet/1")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(
            f"--output={output} exists; choose another, such as the next version number"
        )
    segmenter = load(config.run, config.checkpoint)
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _archive(segmenter.model).write_out(str(partial), verbose=False)
        if output.exists():
            output.rmdir()
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Path(output)


def _archive(network):
    archive = keras.export.ExportArchive()
    archive.track(network)

    def serve(images):
        logits = network(ops.cast(images, "float32"), training=False)
        return {"mask": ops.cast(class_indices(logits), "uint8")}

    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    archive.add_endpoint("serving_default", serve, input_signature=[images])
    return archive
