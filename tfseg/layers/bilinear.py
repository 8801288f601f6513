"""Bilinear upsampling as the initial kernel of a transposed convolution."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class BilinearKernel(keras.initializers.Initializer):
    """Initialises a transposed convolution as bilinear upsampling of each class.

    Long et al. 2015, section 3.3.
    """

    def __call__(self, shape, dtype=None):
        side, _, classes, _ = shape
        factor = (side + 1) // 2
        centre = factor - 1 if side % 2 else factor - 0.5
        line = 1 - np.abs(np.arange(side) - centre) / factor
        kernel = np.einsum("i,j,ab->ijab", line, line, np.eye(classes))
        return ops.convert_to_tensor(kernel, dtype or "float32")
