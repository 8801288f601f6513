"""UPerNet (Xiao et al. 2018, arXiv 1807.10221), smp's `UPerNet`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.pooling import BinAverage
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

BINS = (1, 2, 3, 6)


def _pyramid_pooling(x, channels, norm):
    """The map joined with its means over 1, 4, 9 and 36 regions (section 3.1)."""
    branches = [x]
    for i, bins in enumerate(BINS):
        y = BinAverage(bins)(x)
        y = smp.conv_bn_relu(y, channels, 1, f"decoder.psp.blocks.{i}.1", norm)
        branches.append(ResizeLike()(y, x))
    return smp.conv_bn_relu(layers.Concatenate()(branches), channels, 3, "decoder.psp.out_conv")


def upernet(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    encoder_depth=5,
    decoder_channels=256,
    decoder_use_norm=True,
):
    """Figure 4 of the paper without its scene head. As in smp, each feature is normalised first.

    Args:
        encoder_depth: 3 to 5; the coarsest map is at stride 8, 16 or 32.
        decoder_channels: channels of all maps in the decoder.
        decoder_use_norm: batch normalisation in the decoder; the pyramid always has it.
    """
    smp.check_depth(encoder_depth)
    f, channels, norm = encode(encoder, x), smp.width(decoder_channels), decoder_use_norm
    features = [
        layers.LayerNormalization(epsilon=1e-6, name=f"decoder.feature_norms.{i}")(skip(f, 4 << i))
        for i in range(encoder_depth - 1)
    ]
    levels = [_pyramid_pooling(features[-1], channels, norm)]
    x = levels[0]
    for i, feature in enumerate(reversed(features[:-1])):
        name = f"decoder.fpn_lateral_blocks.{i}.conv_norm_relu"
        lateral = smp.conv_bn_relu(feature, channels, 1, name, norm)
        x = layers.Add()([ResizeLike()(x, lateral), lateral])
        levels.append(smp.conv_bn_relu(x, channels, 3, f"decoder.fpn_conv_blocks.{i}", norm))
    *coarse, finest = levels
    x = layers.Concatenate()([finest, *(ResizeLike()(level, finest) for level in coarse[::-1])])
    x = smp.conv_bn_relu(x, channels, 3, "decoder.fusion_block", norm)
    return smp.enlarged_head(x, pixels, num_classes, 1)
