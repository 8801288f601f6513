"""Convolution and batch normalisation under one name, as in OpenMMLab's `ConvModule`.

The layers are `name`.conv and `name`.bn. `momentum` is that of Keras: 1 minus PyTorch's.
"""

from keras import initializers, layers

from tfseg.layers.blocks import batch_norm, conv, depthwise


def conv_module(x, filters, kernel, *, stride=1, relu=True, momentum=0.9, name):
    """Convolution, batch normalisation and, with `relu`, a ReLU."""
    x = conv(x, filters, kernel, stride=stride, name=f"{name}.conv")
    return _normalized(x, relu, momentum, name)


def depthwise_module(x, *, stride=1, multiplier=1, relu=True, momentum=0.9, name):
    """As `conv_module`, with a depthwise 3×3 convolution."""
    padding = "same" if stride == 1 else 1  # "same" pads equally here and saves a layer
    x = depthwise(x, 3, stride=stride, padding=padding, multiplier=multiplier, name=f"{name}.conv")
    return _normalized(x, relu, momentum, name)


def separable_module(x, filters, *, stride=1, relu=True, momentum=0.9, name):
    """A depthwise module without ReLU, then a 1×1 module (OpenMMLab with `dw_act_cfg=None`)."""
    x = depthwise_module(
        x, stride=stride, relu=False, momentum=momentum, name=f"{name}.depthwise_conv"
    )
    name = f"{name}.pointwise_conv"
    return conv_module(x, filters, 1, relu=relu, momentum=momentum, name=name)


def _normalized(x, relu, momentum, name):
    x = batch_norm(x, momentum=momentum, name=f"{name}.bn")
    return layers.ReLU()(x) if relu else x


def preactivated(x, filters, kernel, *, groups=1, name):
    """Batch normalisation, ReLU, then the convolution."""
    x = layers.ReLU()(batch_norm(x, name=f"{name}.bn"))
    return conv(x, filters, kernel, groups=groups, name=f"{name}.conv")


def score(x, num_classes, name):
    """The last 1×1 convolution of OpenMMLab's heads."""
    init = initializers.RandomNormal(stddev=0.01)
    return conv(x, num_classes, 1, bias=True, init=init, name=name)
