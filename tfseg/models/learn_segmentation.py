"""Small autoencoders with valid padding from the LearnSegmentation project (TensorFlow 1)."""

from keras import initializers, layers

from tfseg.layers.blocks import batch_norm, bn_relu, conv, transposed_conv
from tfseg.layers.gate import Gate

SMALLEST = 61  # below, nothing is left for the fifth convolution

# kernel and stride of the five convolutions; the transposed ones mirror them
SHAPES = ((5, 2), (5, 2), (5, 2), (3, 1), (3, 1))
SMALL, LARGE = (32, 64, 64, 64, 64), (64, 128, 256, 512, 512)


def _conv(x, filters, kernel, stride, name):
    x = conv(
        x, filters, kernel, stride=stride, padding=0, bias=True, init="glorot_uniform", name=name
    )
    return bn_relu(x, epsilon=1e-3, name=f"{name}_bn")


def _deconv(x, filters, kernel, stride, like, name, last=False):
    """Transposed convolution to the size of `like`; missing rows are the bias, as in TensorFlow."""
    init = initializers.TruncatedNormal(stddev=0.1)
    x = transposed_conv(
        x, filters, kernel, stride=stride, like=like, short=stride - 1, bias=True, init=init,
        name=name,
    )  # fmt: skip
    norm = batch_norm if last else bn_relu
    return norm(x, epsilon=1e-3, name=f"{name}_bn")


def _autoencoder(pixels, x, num_classes, widths, join=None):
    """Five convolutions, five transposed; `join(x, skip, i)` merges the encoder's map i."""
    maps = [pixels]
    for i, (filters, (kernel, stride)) in enumerate(zip(widths, SHAPES, strict=True), 1):
        x = _conv(x, filters, kernel, stride, f"conv{i}")
        maps.append(x)
    for i in range(5, 0, -1):
        kernel, stride = SHAPES[i - 1]
        if join and i < 5:
            x = join(x, maps[i], i)
        filters = widths[i - 2] if i > 1 else num_classes
        x = _deconv(x, filters, kernel, stride, maps[i - 1], f"dconv{6 - i}", last=i == 1)
    return x


def segnet_plain(pixels, x, num_classes):
    """`SegnetNoConnected`: no skips."""
    return _autoencoder(pixels, x, num_classes, SMALL)


def segnet_connected(pixels, x, num_classes):
    """`SegnetConnected`: adds the encoder's map of the same size before each decoder layer."""
    return _autoencoder(pixels, x, num_classes, SMALL, lambda x, skip, i: layers.Add()([x, skip]))


def segnet_gated(pixels, x, num_classes):
    """`SegnetConnectedGate`: a learned gate on every skip."""

    def gated(x, skip, i):
        return layers.Add()([x, Gate(name=f"gate{i}")(skip)])

    return _autoencoder(pixels, x, num_classes, SMALL, gated)


def fcn_autoencoder(pixels, x, num_classes):
    """`FullyConvolutionalNetworks`: a wider `segnet_plain`. Not the FCN of Long et al."""
    return _autoencoder(pixels, x, num_classes, LARGE)


def cae(pixels, x, num_classes):
    """`CAE_AutoEncoderFE_MaxPool`: max-pools instead of strides, no indices, no skips."""
    first = _conv(x, 16, 3, 1, "conv1")
    x = _conv(first, 16, 3, 1, "conv2")
    half = layers.MaxPooling2D(2, padding="same")(x)
    x = third = _conv(half, 32, 3, 1, "conv3")
    x = _conv(x, 64, 3, 1, "conv4")
    quarter = layers.MaxPooling2D(2, padding="same")(x)
    x = _conv(quarter, 64, 3, 1, "conv5")
    plan = ((64, 1, quarter), (32, 2, third), (16, 1, half), (16, 2, first))
    for i, (filters, stride, like) in enumerate(plan, 1):
        x = _deconv(x, filters, 3, stride, like, f"dconv{i}")
    return _deconv(x, num_classes, 3, 1, pixels, "dconv5", last=True)
