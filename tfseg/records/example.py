"""Serializes and decodes one example."""

import cv2

# Only functions that decode import TensorFlow: the processes of a conversion do not need it.

_FILTER, _LEVEL, _STRATEGY = (
    cv2.IMWRITE_PNG_FILTER,
    cv2.IMWRITE_PNG_COMPRESSION,
    cv2.IMWRITE_PNG_STRATEGY,
)
_UP, _UNFILTERED = (_FILTER, cv2.IMWRITE_PNG_FILTER_UP), (_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
# Pictures to look at: level 6 takes six times as long for 0.9 times the bytes.
PICTURE_PNG = (_LEVEL, 1, *_UP)
# Photos in records: of the filters and strategies that compress well, these decode fastest. On
# CamVid's frames, they take 0.77 times the time and 1.04 times the bytes of the original files.
IMAGE_PNG = (_LEVEL, 6, *_UP, _STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED)
# Class indices take 0.9 times the bytes, and 0.6 times the time to decode, without filters.
LABEL_PNG = (_LEVEL, 6, *_UNFILTERED)
QUICK_PNG = (_LEVEL, 0, *_UNFILTERED)  # large, but fast to write and read


def serialize(image, label, name, instance=None, label_png=LABEL_PNG):
    """`tf.train.Example` bytes of an example, the same for the same input.

    `image` is a PNG or JPEG file's bytes, or pixels uint8 (H, W, 3) to store raw; `label` is
    class indices uint8 (H, W), stored as PNG or raw like the image; `instance` uint16 (H, W) is
    stored as PNG.
    """
    if isinstance(image, bytes):
        values = {"image": image, "label": encode_png(label, label_png)}
    else:
        values = {
            "image/value": image.tobytes(),
            "image/shape": image.shape,
            "label/value": label.tobytes(),
            "label/shape": (*label.shape, 1),
        }
    values["id"] = name.encode()
    if instance is not None:
        values["instance"] = encode_png(instance, label_png)
    return _message(values)


def encode_png(pixels, options=PICTURE_PNG):
    """PNG bytes of pixels (H, W), or BGR (H, W, 3)."""
    return cv2.imencode(".png", pixels, options)[1].tobytes()


def _message(values):
    """`tf.train.Example` in protobuf's wire format, keys sorted as its serializer sorts them."""
    entries = (
        _field(1, _field(1, key.encode()) + _field(2, _feature(values[key])))
        for key in sorted(values)
    )
    return _field(1, b"".join(entries))


def _feature(value):
    """A list of one string (field 1) or of numbers (field 3)."""
    if isinstance(value, bytes):
        return _field(1, _field(1, value))
    return _field(3, _field(1, b"".join(map(_varint, value))))


def _field(number, data):
    """A field of bytes: tag, length, bytes."""
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(number):
    """Seven bits per byte, lowest first; the eighth marks that more follow."""
    low = bytearray()
    while number > 127:
        low.append(number & 127 | 128)
        number >>= 7
    return bytes([*low, number])


def decode(serialized, encoding):
    """A serialized example -> image uint8 (H, W, 3), label uint8 (H, W), in TensorFlow ops."""
    import tensorflow as tf

    text = tf.io.FixedLenFeature((), tf.string)
    if encoding == "encoded":
        parsed = tf.io.parse_single_example(serialized, {"image": text, "label": text})
        image = decode_file(parsed["image"])
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


def decode_file(data):
    """RGB pixels uint8 (H, W, 3) of a JPEG or PNG file's bytes, in a TensorFlow op.

    The op also reads PNG. It decodes JPEG as Pillow and OpenCV do: TensorFlow's default is
    faster, but up to 9 levels off. It takes the upper 8 bits of 16.
    """
    import tensorflow as tf

    return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")


def decode_about(serialized):
    """The rest of a serialized example: its id, and its instance ids uint16 (H, W) or None."""
    import tensorflow as tf

    keys = {name: tf.io.FixedLenFeature((), tf.string, "") for name in ("id", "instance")}
    parsed = tf.io.parse_single_example(serialized, keys)
    name, instance = parsed["id"].numpy().decode(), parsed["instance"]
    if not instance.numpy():
        return name, None
    return name, tf.io.decode_png(instance, channels=1, dtype=tf.uint16)[..., 0].numpy()
