"""UPerNet (Xiao et al. 2018, arXiv 1807.10221), smp's `UPerNet`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.pooling import BinAverage
from tfseg.layers.resize import ResizeLike
from tfseg.models.smp import conv_bn_relu, enlarged_head

CHANNELS = 256
BINS = (1, 2, 3, 6)


def _pyramid_pooling(x):
    """Means of 1, 4, 9 and 36 regions beside the map itself (section 3.1)."""
    branches = [x]
    for i, bins in enumerate(BINS):
        y = conv_bn_relu(BinAverage(bins)(x), CHANNELS, 1, f"decoder.psp.blocks.{i}.1")
        branches.append(ResizeLike()(y, x))
    return conv_bn_relu(layers.Concatenate()(branches), CHANNELS, 3, "decoder.psp.out_conv")


def upernet(pixels, x, num_classes, *, encoder="resnet34"):
    """Figure 4 of the paper, its scene head left out; smp normalises each feature first."""
    f = encode(encoder, x)
    features = [
        layers.LayerNormalization(epsilon=1e-6, name=f"decoder.feature_norms.{i}")(skip(f, stride))
        for i, stride in enumerate((4, 8, 16, 32))
    ]
    x = _pyramid_pooling(features[-1])
    levels = [x]
    for i, feature in enumerate(reversed(features[:-1])):
        lateral = conv_bn_relu(
            feature, CHANNELS, 1, f"decoder.fpn_lateral_blocks.{i}.conv_norm_relu"
        )
        x = layers.Add()([ResizeLike()(x, lateral), lateral])
        levels.append(conv_bn_relu(x, CHANNELS, 3, f"decoder.fpn_conv_blocks.{i}"))
    *coarse, finest = levels
    levels = [*(ResizeLike()(level, finest) for level in coarse), finest]
    x = conv_bn_relu(layers.Concatenate()(levels[::-1]), CHANNELS, 3, "decoder.fusion_block")
    return enlarged_head(x, pixels, num_classes, 1)
