"""SegNet (Badrinarayanan et al. 2015, arXiv 1511.00561): unpools at the encoder's maxima."""

from keras import layers

from tfseg.layers.blocks import batch_norm, bn_relu, conv
from tfseg.layers.local_response import LocalResponseNormalization
from tfseg.layers.pooling import MaxPoolWithIndices, MaxUnpool
from tfseg.layers.resize import FitLike

# 3×3 convolutions of each block of VGG16, then of the decoder, which ends in the next one's width.
ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DECODER = ((64,), (128, 64), (256, 256, 128), (512, 512, 256), (512, 512, 512))


def _conv_bn_relu(x, filters, name):
    return bn_relu(conv(x, filters, 3, bias=True, init="he", name=name), name=f"{name}_bn")


def _segnet(x, num_classes, dropout):
    """The encoder-decoder; calls `dropout` where Bayesian SegNet has dropout."""
    pools = []
    for block, widths in enumerate(ENCODER, 1):
        for i, filters in enumerate(widths, 1):
            x = _conv_bn_relu(x, filters, f"conv{block}_{i}")
        before = x
        x, indices = MaxPoolWithIndices(ceil=True)(x)
        pools.append((before, indices))
        x = dropout(x) if block >= 3 else x
    for block in range(len(DECODER), 0, -1):
        before, indices = pools[block - 1]
        x = FitLike()(MaxUnpool()(x, indices), before)
        depth = len(ENCODER[block - 1])
        for i, filters in zip(range(depth, 0, -1), DECODER[block - 1], strict=False):
            x = _conv_bn_relu(x, filters, f"conv{block}_{i}_D")
        x = dropout(x) if block >= 3 else x
    return conv(x, num_classes, 3, bias=True, init="he", name="conv1_1_D")


def segnet(pixels, x, num_classes):
    """The authors' `segnet_train.prototxt`: VGG16 and its mirror, joined by max-pool indices."""
    return _segnet(x, num_classes, dropout=lambda x: x)


def bayesian_segnet(pixels, x, num_classes):
    """Bayesian SegNet (Kendall et al. 2015, arXiv 1511.02680): dropout in the six inner blocks.

    Samples with dropout show how certain it is; without dropout it is SegNet.
    """
    return _segnet(x, num_classes, dropout=lambda x: layers.Dropout(0.5)(x))


def segnet_basic(pixels, x, num_classes):
    """The authors' small SegNet: four 7×7 convolutions down, four up, no ReLU in the decoder."""
    x = LocalResponseNormalization(name="norm")(x)
    pools = []
    for i in range(1, 5):
        x = conv(x, 64, 7, bias=True, init="he", name=f"conv{i}")
        before = bn_relu(x, name=f"conv{i}_bn")
        x, indices = MaxPoolWithIndices(ceil=True)(before)
        pools.append((before, indices))
    for i in range(4, 0, -1):
        before, indices = pools[i - 1]
        x = FitLike()(MaxUnpool()(x, indices), before)
        x = conv(x, 64, 7, bias=True, init="he", name=f"conv_decode{i}")
        x = batch_norm(x, name=f"conv_decode{i}_bn")
    return conv(x, num_classes, 1, bias=True, init="he", name="conv_classifier")
