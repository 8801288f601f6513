"""A learned gate for skips."""

import keras
from keras import initializers, ops


@keras.saving.register_keras_serializable("tfseg")
class Gate(keras.layers.Layer):
    """Lets a learned share of a skip through: x · sigmoid(μ), μ one number."""

    def build(self, shape):
        self.mu = self.add_weight(
            name="mu", shape=(), initializer=initializers.RandomNormal(stddev=0.35)
        )

    def call(self, x):
        return x * ops.sigmoid(self.mu)
