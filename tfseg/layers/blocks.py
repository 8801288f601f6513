"""Convolution blocks with PyTorch's padding, initialisation and names.

`name` is the reference's module path ("layer1.0.conv1"), so that public checkpoints load.
"""

import math

from keras import initializers, layers

from tfseg.layers.batch_norm import BatchNormalization
from tfseg.layers.depthwise import DepthwiseConv2D
from tfseg.layers.dilation import DilatedConv2D
from tfseg.layers.grouped import GroupedConv2D
from tfseg.layers.resize import FitLike


def torch_uniform(fan_in):
    """PyTorch's default for kernels and biases of convolutions: U(±1/sqrt(fan_in))."""
    limit = 1 / math.sqrt(fan_in)
    return initializers.RandomUniform(-limit, limit)


def _initializers(init, fan_in):
    """Kernel and bias initialisers, by the name of the scheme that the reference uses."""
    if init == "torch":  # PyTorch's default
        return torch_uniform(fan_in), torch_uniform(fan_in)
    if init == "he":  # He et al. 2015, Caffe's MSRA, PyTorch's kaiming_normal_
        return initializers.HeNormal(), "zeros"
    if init == "he_fan_out":  # torchvision's encoders
        return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"), "zeros"
    return init, "zeros"


def conv(
    x,
    filters,
    kernel,
    *,
    stride=1,
    dilation=1,
    groups=1,
    padding=None,
    bias=False,
    init="he_fan_out",
    dtype=None,
    name,
):
    """Convolution padded equally on every side, at any stride.

    Keras' "same" pads strided convolutions only on the right and bottom, which shifts them.

    Args:
        kernel: side, or (height, width).
        padding: rows and columns of zeros on each side; None is (kernel - 1) / 2, dilated.
            "same" is TensorFlow's padding, for networks that were trained with it.
        init: "he_fan_out", "he", "torch", or a Keras initialiser.
        dtype: type to compute in; None follows the precision policy.
    """
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    same = tuple(dilation * (side // 2) for side in sides)
    pads = same if padding is None else (padding, padding)
    # Without strides, Keras pads equally on every side, too.
    in_layer = padding == "same" or (stride == 1 and pads == same)
    if not in_layer and any(pads):
        x = layers.ZeroPadding2D(pads)(x)
    fan_in = math.prod(sides) * x.shape[-1] // groups
    kernel_initializer, bias_initializer = _initializers(init, fan_in)
    kind = DilatedConv2D if dilation > 1 else layers.Conv2D
    kind = GroupedConv2D if groups > 1 else kind
    return kind(
        filters,
        sides,
        strides=stride,
        dilation_rate=dilation,
        groups=groups,
        padding="same" if in_layer else "valid",
        use_bias=bias,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        dtype=dtype,
        name=name,
    )(x)


def depthwise(x, kernel, *, stride=1, dilation=1, padding="same", multiplier=1, bias=False, name):
    """Depthwise convolution: each channel becomes `multiplier` channels.

    `padding` is the rows and columns of zeros on each side; "same" pads as TensorFlow does.
    On a CPU, XLA takes 14 to 30 times as long as TensorFlow's kernel: do not compile this.
    """
    if padding != "same" and padding:
        x = layers.ZeroPadding2D(padding)(x)
    return DepthwiseConv2D(
        kernel,
        strides=stride,
        dilation_rate=dilation,
        depth_multiplier=multiplier,
        padding="same" if padding == "same" else "valid",
        use_bias=bias,
        depthwise_initializer=_initializers("he_fan_out", None)[0],
        name=name,
    )(x)


def squeeze_excite(x, narrow, name):
    """Squeeze-and-excitation: scales channels by a gate on their means (Hu et al. 2017)."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.ReLU()(conv(y, narrow, 1, bias=True, name=f"{name}.fc1"))
    y = conv(y, x.shape[-1], 1, bias=True, init="torch", name=f"{name}.fc2")
    return layers.Multiply()([x, layers.Activation("sigmoid")(y)])


def transposed_conv(
    x, filters, kernel, *, stride=2, padding=0, like=None, short=0, bias=False, init="torch", name
):
    """Transposed convolution whose result has the height and width of `like`.

    `padding` is as in PyTorch: that many rows and columns are cut at the top and left, and the
    excess over `like` at the bottom and right. Up to `short` rows and columns may be missing there;
    they equal the bias (PyTorch's output padding). Without `like`, nothing is cut.
    """
    if short:  # one more row and column of zeros reaches that far and adds nothing
        x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    # PyTorch computes the fan of a transposed kernel from its output channels.
    kernel_initializer, bias_initializer = _initializers(init, kernel * kernel * filters)
    same = stride == 1 and padding == kernel // 2  # nothing to cut
    x = layers.Conv2DTranspose(
        filters,
        kernel,
        strides=stride,
        padding="same" if same else "valid",
        use_bias=bias,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        name=name,
    )(x)
    return x if same or like is None else FitLike(offset=padding)(x, like)


def batch_norm(x, *, epsilon=1e-5, momentum=0.9, name):
    return BatchNormalization(epsilon=epsilon, momentum=momentum, name=name)(x)


def bn_relu(x, *, epsilon=1e-5, name):
    """Batch normalisation, then ReLU."""
    return layers.ReLU()(batch_norm(x, epsilon=epsilon, name=name))
