"""DenseNet encoders (Huang et al. 2016, arXiv 1608.06993), with torchvision's layout and names."""

from keras import layers

from tfseg.layers.blocks import batch_norm, bn_relu, conv

GROWTH, BOTTLENECK = 32, 4


def _dense_layer(x, name):
    """1×1 to four times the growth, 3×3 to the growth; joined to the input."""
    y = bn_relu(x, name=f"{name}.norm1")
    y = conv(y, BOTTLENECK * GROWTH, 1, init="he", name=f"{name}.conv1")
    y = bn_relu(y, name=f"{name}.norm2")
    y = conv(y, GROWTH, 3, init="he", name=f"{name}.conv2")
    return layers.Concatenate()([x, y])


def densenet(x, depths):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32".

    "stride4" to "stride16" are the outputs of the dense blocks, not yet normalised. Decoders join
    "skip4" to "skip16", which add the batch normalisation and ReLU of the transition, and "skip32",
    which adds only batch normalisation.
    """
    x = conv(x, 64, 7, stride=2, init="he", name="features.conv0")
    x = bn_relu(x, name="features.norm0")
    features = {"stride2": x}
    # Zero padding equals PyTorch's -inf here, because a ReLU leaves nothing below zero.
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for block, depth in enumerate(depths, 1):
        for i in range(1, depth + 1):
            x = _dense_layer(x, f"features.denseblock{block}.denselayer{i}")
        stride = 2 << block
        if block == len(depths):
            break
        features[f"stride{stride}"] = x
        x = bn_relu(x, name=f"features.transition{block}.norm")
        features[f"skip{stride}"] = x
        x = conv(x, x.shape[-1] // 2, 1, init="he", name=f"features.transition{block}.conv")
        x = layers.AveragePooling2D(2)(x)
    x = batch_norm(x, name="features.norm5")
    return {**features, "skip32": x, "stride32": layers.ReLU()(x)}
