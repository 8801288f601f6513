"""ResNet encoders (He et al. 2015, arXiv 1512.03385), with torchvision's layout and names."""

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.layers.blocks import batch_norm, bn_relu, conv, squeeze_excite

# Names in smp's copies of Cadene's SE-ResNets -> layer names here.
KEYS = ((r"^layer0\.", ""), (r"\.se_module\.", ".se."))


def basic_block(x, filters, stride, dilations, name):
    """Two 3×3 convolutions and a shortcut, which is projected if the shape changes."""
    first, second = dilations
    shortcut = _shortcut(x, filters, stride, name)
    x = conv(x, filters, 3, stride=stride, dilation=first, name=f"{name}.conv1")
    x = bn_relu(x, name=f"{name}.bn1")
    x = batch_norm(conv(x, filters, 3, dilation=second, name=f"{name}.conv2"), name=f"{name}.bn2")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def bottleneck(
    x, filters, stride, dilations, name, *, groups=1, width=64, gated=False, first=False
):
    """1×1, 3×3, 1×1 up to four times `filters`; the stride is on the 3×3 (torchvision's V1.5).

    Args:
        groups, width: groups and channels of the 3×3, for ResNeXts (Xie et al. 2016, arXiv
            1611.05431); `width` alone makes wide ResNets (Zagoruyko and Komodakis 2016, arXiv
            1605.07146).
        gated: squeeze-and-excitation before the sum (Hu et al. 2017, arXiv 1709.01507).
        first: put the stride on the first 1×1, as in Caffe.
    """
    shortcut = _shortcut(x, 4 * filters, stride, name)
    inner, outer = filters * width // 64 * groups, 4 * filters
    x = conv(x, inner, 1, stride=stride if first else 1, name=f"{name}.conv1")
    x = bn_relu(x, name=f"{name}.bn1")
    stride, dilation = 1 if first else stride, dilations[0]
    x = conv(x, inner, 3, stride=stride, dilation=dilation, groups=groups, name=f"{name}.conv2")
    x = bn_relu(x, name=f"{name}.bn2")
    x = batch_norm(conv(x, outer, 1, name=f"{name}.conv3"), name=f"{name}.bn3")
    if gated:
        x = squeeze_excite(x, outer // 16, f"{name}.se")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _shortcut(x, filters, stride, name):
    if stride == 1 and x.shape[-1] == filters:
        return x
    x = conv(x, filters, 1, stride=stride, name=f"{name}.downsample.0")
    return batch_norm(x, name=f"{name}.downsample.1")


def resnet(x, block, depths, *, pads=1, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32".

    Args:
        block, depths: the block function, and the number of blocks in each of the four stages.
        pads: padding of the stem's max-pool; ((0, 1), (0, 1)) is Caffe's.
        output_stride: 8, 16 or 32. Stages that would go beyond it keep their resolution and dilate
            their convolutions instead, as with torchvision's `replace_stride_with_dilation`; the
            names of their features do not change.
        dilations: stage -> dilations of its blocks, repeated; for networks that need special ones.

    "pool" is the output of the stem's max-pool, which some decoders add.
    """
    x = bn_relu(conv(x, 64, 7, stride=2, name="conv1"), name="bn1")
    features = {"stride2": x}
    # Zero padding equals PyTorch's -inf here, because a ReLU leaves nothing below zero.
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(pads)(x))
    features["pool"] = x
    for stage, depth in enumerate(depths, 1):
        strided = stage > 1 and 2 << stage <= output_stride
        rates = dilations_of(2 << stage, depth, output_stride, dilations)
        for i, rate in enumerate(rates):
            stride = 2 if strided and i == 0 else 1
            x = block(x, 32 << stage, stride, rate, f"layer{stage}.{i}")
        features[f"stride{2 << stage}"] = x
    return features
