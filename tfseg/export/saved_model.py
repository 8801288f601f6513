"""A frozen graph as a SavedModel that TensorFlow Serving mounts."""

import tensorflow as tf

from tfseg.export.graph import OUTPUTS, make_graph


def write_saved_model(network, folder, *, outputs, batch):
    """Writes a Keras network, pixels -> logits, as a SavedModel.

    Signatures:
        serving_default: `images` uint8 (N, H, W, 3) -> `outputs`, by name; N is `batch`.
        encoded: `image_bytes` string (N,), JPEG or PNG files of any sizes -> `mask_png` string
            (N,), PNG files of class indices, each at its picture's size. One picture is decoded,
            labelled and encoded after the other. A network for one size sees them resized to it.
    """
    module = tf.Module()
    # Both signatures call one graph, so its weights are in the file once.
    module.graph = graph = make_graph(network, OUTPUTS)
    size, smallest = graph.inputs[0].shape[1:3], network.get_layer("size").smallest

    @tf.function(input_signature=[tf.TensorSpec((batch, *size, 3), tf.uint8, name="images")])
    def segment(images):
        results = dict(zip(OUTPUTS, graph(images), strict=True))
        return {output: results[output] for output in outputs}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def segment_files(image_bytes):
        def one(file):
            return _segment_file(graph, file, smallest)

        return {"mask_png": tf.map_fn(one, image_bytes, parallel_iterations=1)}

    module.segment, module.segment_files = segment, segment_files
    signatures = {"serving_default": segment, "encoded": segment_files}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _segment_file(graph, file, smallest):
    """One encoded picture -> the PNG of its mask."""
    pixels = _decode(file)
    shape = tf.shape(pixels)[:2]
    size = graph.inputs[0].shape[1:3]
    if size.is_fully_defined():
        resized = tf.image.resize(pixels[None], size)
        _, _, logits = graph(tf.cast(tf.round(resized), tf.uint8))
        mask = tf.cast(tf.argmax(tf.image.resize(logits, shape), axis=-1), tf.uint8)
    else:
        message = f"a picture needs {smallest} pixels a side"
        with tf.control_dependencies([tf.debugging.assert_greater_equal(shape, smallest, message)]):
            mask, _, _ = graph(pixels[None])
    return tf.io.encode_png(tf.reshape(mask, (*tf.unstack(shape), 1)))


def _decode(file):
    """RGB pixels uint8 (H, W, 3) of a JPEG or PNG file; gray becomes RGB, alpha is left out."""
    return tf.cond(
        tf.io.is_jpeg(file),
        # the decoding that Pillow and OpenCV do; TensorFlow's default is quicker and less exact
        lambda: tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(file, channels=3),
    )
