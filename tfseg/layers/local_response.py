"""Local response normalisation as in Caffe."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class LocalResponseNormalization(keras.layers.Layer):
    """Normalises over a window of 5 channels, as Caffe: x / (1 + alpha / 5 · Σ x²)^beta."""

    def __init__(self, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.alpha, self.beta = alpha, beta

    def call(self, x):
        squares = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (2, 2)))
        channels = x.shape[-1]
        total = sum(squares[..., i : i + channels] for i in range(5))
        return x / (1 + self.alpha / 5 * total) ** self.beta

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}
