"""Convolution blocks with PyTorch's padding, initialisation and names.

`name` is the reference's module path ("layer1.0.conv1"), so public checkpoints find their layer.
"""

import math

from keras import initializers, layers

from tfseg.layers.batch_norm import BatchNormalization
from tfseg.layers.resize import CropLike


def torch_uniform(fan_in):
    """PyTorch's default for convolutions, kernel and bias alike: U(±1/sqrt(fan_in))."""
    limit = 1 / math.sqrt(fan_in)
    return initializers.RandomUniform(-limit, limit)


def conv(x, filters, kernel, *, stride=1, bias=False, init="he_fan_out", name):
    """Convolution padded by (kernel - 1) / 2 on every side, whatever the stride.

    Keras' "same" pads strided convolutions on the right and bottom only, which shifts them.
    `init` is "he_fan_out" (torchvision's encoders) or "torch" (PyTorch's default).
    """
    fan_in = kernel * kernel * x.shape[-1]
    he = initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    if stride > 1 and kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=bias,
        kernel_initializer=he if init == "he_fan_out" else torch_uniform(fan_in),
        bias_initializer=torch_uniform(fan_in),
        name=name,
    )(x)


def transposed_conv(x, filters, kernel, *, stride=2, padding=0, like, bias=False, name):
    """Transposed convolution whose result has the height and width of `like`.

    `padding` is PyTorch's: so many rows and columns are dropped at the top and left; what
    exceeds `like` goes at the bottom and right.
    """
    fan_in = kernel * kernel * filters  # PyTorch counts the fan of a transposed kernel so
    same = stride == 1 and padding == kernel // 2  # nothing to cut then
    x = layers.Conv2DTranspose(
        filters,
        kernel,
        strides=stride,
        padding="same" if same else "valid",
        use_bias=bias,
        kernel_initializer=torch_uniform(fan_in),
        bias_initializer=torch_uniform(fan_in),
        name=name,
    )(x)
    return x if same else CropLike(offset=padding)(x, like)


def batch_norm(x, *, name):
    return BatchNormalization(name=name)(x)


def bn_relu(x, *, name):
    """Batch normalisation (epsilon 1e-5), then ReLU."""
    return layers.ReLU()(batch_norm(x, name=name))
