"""The exact GELU."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class Gelu(keras.layers.Layer):
    """x · Φ(x), where Φ is the normal CDF (Hendrycks and Gimpel 2016, arXiv 1606.08415).

    Keras' GELU uses an operation that ONNX lacks. LiteRT lacks erf, but recognises these products
    in this order as its GELU.
    """

    def call(self, x):
        return 0.5 * x * (1 + ops.erf(x * 0.5**0.5))

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, self.compute_dtype)
