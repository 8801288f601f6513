"""DeconvNet (Noh et al. 2015, arXiv 1505.04366): VGG16 with its two large layers, mirrored."""

from keras import initializers

from tfseg.layers.blocks import bn_relu, conv, transposed_conv
from tfseg.layers.pooling import MaxPoolWithIndices, MaxUnpool
from tfseg.layers.resize import FitLike

ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DECODER = ((64, 64), (128, 64), (256, 256, 128), (512, 512, 256), (512, 512, 512))
GAUSSIAN = initializers.RandomNormal(stddev=0.01)


def deconvnet(pixels, x, num_classes):
    """Table 2 of the paper, with the names of the authors' prototxt."""
    pools = []
    for block, widths in enumerate(ENCODER, 1):
        for i, filters in enumerate(widths, 1):
            x = conv(x, filters, 3, bias=True, init="he", name=f"conv{block}_{i}")
            x = bn_relu(x, name=f"bn{block}_{i}")
        before = x
        x, indices = MaxPoolWithIndices(ceil=True)(x)
        pools.append((before, indices))

    like = x
    x = conv(x, 4096, 7, padding=0, bias=True, init="he", name="fc6")
    x = bn_relu(x, name="bnfc6")
    x = bn_relu(conv(x, 4096, 1, bias=True, init="he", name="fc7"), name="bnfc7")
    x = transposed_conv(x, 512, 7, stride=1, like=like, bias=True, init=GAUSSIAN, name="fc6_deconv")
    x = bn_relu(x, name="fc6_deconv_bn")

    for block in range(len(DECODER), 0, -1):
        before, indices = pools[block - 1]
        x = FitLike()(MaxUnpool()(x, indices), before)
        for i, filters in enumerate(DECODER[block - 1], 1):
            x = transposed_conv(
                x, filters, 3, stride=1, padding=1, bias=True, init=GAUSSIAN,
                name=f"deconv{block}_{i}",
            )  # fmt: skip
            x = bn_relu(x, name=f"debn{block}_{i}")
    return conv(x, num_classes, 1, bias=True, init=GAUSSIAN, name="seg_score")
