"""Object-contextual representations: features of classes, and attention of pixels to them."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class ObjectRegions(keras.layers.Layer):
    """Scores (N, H, W, K) and features (N, H, W, C) -> a feature of each class (N, K, 1, C).

    A class's feature is the mean over all pixels, weighted by the softmax of the class's scores.
    Computed in float32, because the weight of one pixel among many underflows in float16.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, scores, features):
        scores, features = _flat(scores), _flat(features)
        weights = ops.softmax(ops.transpose(scores, (0, 2, 1)), axis=-1)
        return ops.expand_dims(ops.matmul(weights, features), axis=2)

    def compute_output_spec(self, scores, features):
        shape = (scores.shape[0], scores.shape[3], 1, features.shape[3])
        return keras.KerasTensor(shape, self.compute_dtype)


@keras.saving.register_keras_serializable("tfseg")
class ObjectAttention(keras.layers.Layer):
    """Attention of pixels (N, H, W, C) to keys and values (N, K, 1, C) -> (N, H, W, C)."""

    def call(self, pixels, keys, values):
        _, height, width, channels = ops.shape(pixels)
        keys = ops.transpose(ops.squeeze(keys, axis=2), (0, 2, 1))
        alike = ops.matmul(_flat(pixels), keys) * channels**-0.5
        found = ops.matmul(ops.softmax(alike, axis=-1), ops.squeeze(values, axis=2))
        return ops.reshape(found, (-1, height, width, channels))

    def compute_output_spec(self, pixels, keys, values):
        return keras.KerasTensor(pixels.shape, self.compute_dtype)


def _flat(x):
    _, height, width, channels = ops.shape(x)
    return ops.reshape(x, (-1, height * width, channels))
