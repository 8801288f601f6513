"""ResNet encoders (He et al. 2015, arXiv 1512.03385), torchvision's layout and names."""

from keras import layers

from tfseg.layers.blocks import batch_norm, bn_relu, conv


def basic_block(x, filters, stride, name):
    """Two 3×3 convolutions and a shortcut, projected where the shape changes."""
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, stride=stride, name=f"{name}.downsample.0")
        shortcut = batch_norm(shortcut, name=f"{name}.downsample.1")
    x = bn_relu(conv(x, filters, 3, stride=stride, name=f"{name}.conv1"), name=f"{name}.bn1")
    x = batch_norm(conv(x, filters, 3, name=f"{name}.conv2"), name=f"{name}.bn2")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def resnet(x, block, depths):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32".

    "pool" is the stem's max-pool output, which some decoders sum with.
    """
    x = bn_relu(conv(x, 64, 7, stride=2, name="conv1"), name="bn1")
    features = {"stride2": x}
    # Zero padding equals PyTorch's -inf here: nothing after a ReLU is below zero.
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    features["pool"] = x
    for stage, depth in enumerate(depths, 1):
        for i in range(depth):
            stride = 2 if stage > 1 and i == 0 else 1
            x = block(x, 32 << stage, stride, f"layer{stage}.{i}")
        features[f"stride{2 << stage}"] = x
    return features
