"""One example on disk: its bytes, both ways."""

import cv2
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

# OpenCV's own default, 1, gives files half as large again.
PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 6]


def features(encoding):
    """The TFDS features of a data set whose images are "encoded" (PNG or JPEG) or "raw"."""
    if encoding == "encoded":
        image = tfds.features.Image(shape=(None, None, 3))
        label = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
    else:
        as_bytes = tfds.features.Encoding.BYTES
        image = tfds.features.Tensor(shape=(None, None, 3), dtype=np.uint8, encoding=as_bytes)
        label = tfds.features.Tensor(shape=(None, None, 1), dtype=np.uint8, encoding=as_bytes)
    return tfds.features.FeaturesDict({"image": image, "label": label, "id": tfds.features.Text()})


def serialize(image, label, name):
    """An example as `tf.train.Example` bytes, the same for the same input.

    `image` is a PNG or JPEG file's bytes, or pixels uint8 (H, W, 3) to be stored raw; `label` is
    class indices uint8 (H, W), stored as PNG or raw accordingly.
    """
    if isinstance(image, bytes):
        values = {"image": image, "label": cv2.imencode(".png", label, PNG_OPTIONS)[1].tobytes()}
    else:
        values = {
            "image/value": image.tobytes(),
            "image/shape": image.shape,
            "label/value": label.tobytes(),
            "label/shape": (*label.shape, 1),
        }
    fields = {key: _feature(value) for key, value in {**values, "id": name.encode()}.items()}
    example = tf.train.Example(features=tf.train.Features(feature=fields))
    return example.SerializeToString(deterministic=True)


def _feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=value))


def decode(serialized, encoding):
    """A serialized example -> image uint8 (H, W, 3), label uint8 (H, W), in TensorFlow ops."""
    text = tf.io.FixedLenFeature((), tf.string)
    if encoding == "encoded":
        parsed = tf.io.parse_single_example(serialized, {"image": text, "label": text})
        image = tf.io.decode_image(parsed["image"], channels=3, expand_animations=False)
        label = tf.io.decode_png(parsed["label"], channels=1)
    else:
        shape = tf.io.FixedLenFeature((3,), tf.int64)
        keys = {f"{name}/{part}" for name in ("image", "label") for part in ("value", "shape")}
        parsed = tf.io.parse_single_example(
            serialized, {key: text if key.endswith("value") else shape for key in keys}
        )
        image, label = (
            tf.reshape(tf.io.decode_raw(parsed[f"{name}/value"], tf.uint8), parsed[f"{name}/shape"])
            for name in ("image", "label")
        )
    return tf.ensure_shape(image, (None, None, 3)), tf.ensure_shape(label, (None, None, 1))[..., 0]
