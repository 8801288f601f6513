"""Pyramid attention network (Li et al. 2018, arXiv 1805.10180), smp's `PAN`."""

from keras import layers

from tfseg.encoders import skip
from tfseg.layers.blocks import batch_norm, conv
from tfseg.layers.pooling import HalvingMaxPool
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp


def _conv_bn(x, filters, kernel, name):
    x = conv(x, filters, kernel, bias=True, init="he", name=f"{name}.conv")
    return batch_norm(x, name=f"{name}.bn")


def _conv_bn_relu(x, filters, kernel, name):
    return layers.ReLU()(_conv_bn(x, filters, kernel, name))


def _mean(x):
    return layers.GlobalAveragePooling2D(keepdims=True)(x)


def _pyramid_attention(x, channels, name):
    """Weights the map by three halved one-channel maps and adds its mean (figure 3)."""
    mean = _conv_bn_relu(_mean(x), channels, 1, f"{name}.branch1.1")
    half = _conv_bn_relu(HalvingMaxPool()(x), 1, 7, f"{name}.down1.1")
    quarter = _conv_bn_relu(HalvingMaxPool()(half), 1, 5, f"{name}.down2.1")
    weights = HalvingMaxPool()(quarter)
    for i in (1, 2):
        weights = _conv_bn_relu(weights, 1, 3, f"{name}.down3.{i}")
    for finer, kernel, part in ((quarter, 5, "conv2"), (half, 7, "conv1")):
        weights = ResizeLike("aligned")(weights, finer)
        weights = layers.Add()([_conv_bn_relu(finer, 1, kernel, f"{name}.{part}"), weights])
    middle = _conv_bn_relu(x, channels, 1, f"{name}.mid.0")
    x = layers.Multiply()([middle, ResizeLike("aligned")(weights, x)])
    return layers.Add()([x, ResizeLike("aligned")(mean, x)])


def _upsample(x, finer, name):
    """Weights the finer map's channels by the coarse map's mean (global attention, figure 4)."""
    weights = _conv_bn(_mean(x), x.shape[-1], 1, f"{name}.conv1.1")
    weights = layers.Activation("sigmoid")(weights)
    finer = _conv_bn_relu(finer, x.shape[-1], 3, f"{name}.conv2")
    return layers.Add()([ResizeLike("aligned")(x, finer), layers.Multiply()([finer, weights])])


def pan(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    output_stride=16,
    encoder_depth=5,
    decoder_channels=32,
):
    """Figure 2 of the paper.

    Args:
        encoder_depth: 3 to 5; the coarsest map is at stride 8, 16 or 32.
        decoder_channels: channels of all maps in the decoder.
    """
    smp.check_depth(encoder_depth)
    f = smp.dilated(encoder, x, output_stride, (16, 32))
    x = _pyramid_attention(skip(f, 1 << encoder_depth), smp.width(decoder_channels), "decoder.fpa")
    for i in range(encoder_depth - 2, 0, -1):
        x = _upsample(x, skip(f, 2 << i), f"decoder.gau{i}")
    return smp.enlarged_head(x, pixels, num_classes, 3)
