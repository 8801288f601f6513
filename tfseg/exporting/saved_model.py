"""SavedModels for TensorFlow Serving."""

import tensorflow as tf

from tfseg.exporting.graph import decision_of, make_module
from tfseg.images import level_table
from tfseg.records.example import decode_file


def write(network, folder, config, frames=None):
    """Writes a Keras network, pixels -> logits, as a SavedModel.

    Signatures:
        serving_default: `images` uint8 (N, H, W, 3) -> `config.outputs` by name.
        encoded: `image_bytes` string (N,), JPEG or PNG files of any sizes -> `mask_png` string
            (N,), PNG files of class indices, each in its image's size; for a multilabel network
            (N, K), a PNG file of 0 and 255 per class. Images are processed one by one. A network
            with a fixed size gets them resized.
        encoded_rest: the same with `mask_png_bytes`: TensorFlow Serving's REST API writes strings
            as base64 only if their names end in `_bytes`; others are invalid JSON.
    """
    module = make_module(network, config)

    files = tf.TensorSpec((None,), tf.string, name="image_bytes")

    def one(file):
        return _segment_file(network, file, config)

    @tf.function(input_signature=[files])
    def encoded(image_bytes):
        return {"mask_png": tf.map_fn(one, image_bytes, parallel_iterations=1)}

    @tf.function(input_signature=[files])
    def encoded_rest(image_bytes):
        return {"mask_png_bytes": encoded(image_bytes)["mask_png"]}

    module.encoded, module.encoded_rest = encoded, encoded_rest
    signatures = {
        "serving_default": module.segment,
        "encoded": encoded,
        "encoded_rest": encoded_rest,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def read(folder):
    model = tf.saved_model.load(str(folder))
    served = model.signatures["serving_default"]

    def run(images):
        return {name: value.numpy() for name, value in served(images=tf.constant(images)).items()}

    run.model = model  # keeps the model alive, which its signature does not
    return run


def _segment_file(network, file, config):
    """One encoded image -> the PNG file of its mask."""
    pixels = _decode(file, config.pixel_range)
    shape, size = tf.shape(pixels)[:2], network.input_shape[1:3]
    if None in size:
        smallest = network.get_layer("size").smallest
        message = f"an image needs {smallest} pixels a side"
        with tf.control_dependencies([tf.debugging.assert_greater_equal(shape, smallest, message)]):
            logits = network(tf.cast(pixels[None], tf.float32), training=False)
    else:
        seen = tf.image.resize(pixels[None], size)
        logits = tf.image.resize(network(seen, training=False), shape)
    mask = decision_of(config).mask(logits)[0]
    if config.task != "multilabel":
        return tf.io.encode_png(mask[..., None])
    planes = tf.transpose(255 * mask, (2, 0, 1))[..., None]
    return tf.map_fn(tf.io.encode_png, planes, fn_output_signature=tf.string)


def _decode(file, pixel_range):
    """RGB pixels uint8 (H, W, 3) of a JPEG or PNG file; gray becomes RGB, alpha is ignored."""
    if pixel_range is None:
        return decode_file(file)
    levels = tf.constant(level_table(pixel_range))

    def ranged():
        values = tf.io.decode_png(file, channels=3, dtype=tf.uint16)
        return tf.gather(levels, tf.cast(values, tf.int32))

    # Byte 24 of a PNG file is its bit depth.
    png = tf.strings.substr(file, 0, 4) == b"\x89PNG"
    deep = tf.cond(png, lambda: tf.strings.substr(file, 24, 1) == b"\x10", lambda: False)
    return tf.cond(deep, ranged, lambda: decode_file(file))
