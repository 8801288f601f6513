"""VGG encoders (Simonyan and Zisserman 2014, arXiv 1409.1556), torchvision layout and names."""

from keras import layers

from tfseg.layers.blocks import batch_norm, conv

FILTERS = (64, 128, 256, 512, 512)
KEYS = ((r"^features_(\d+)\.", r"features.\1."),)  # timm's feature extractor


def vgg(x, depths, *, norm=False, padding=1, ceil=False):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride1" to "stride32".

    A feature is the map before a max-pool, "stride32" the output of the last pool. "pool1" to
    "pool5" are the outputs of the pools.

    Args:
        depths: 3×3 convolutions in each of the five blocks.
        norm: batch normalisation after each.
        padding: padding of the first convolution; FCN pads by 100.
        ceil: True keeps a last odd row as a window (Caffe), False drops it (torchvision).
    """
    features, index = {}, 0
    for block, (depth, filters) in enumerate(zip(depths, FILTERS, strict=True)):
        for _ in range(depth):
            pad = padding if index == 0 else 1
            x = conv(x, filters, 3, padding=pad, bias=True, name=f"features.{index}")
            if norm:
                x = batch_norm(x, name=f"features.{index + 1}")
            x = layers.ReLU()(x)
            index += 3 if norm else 2
        features[f"stride{1 << block}"] = x
        x = layers.MaxPooling2D(2, padding="same" if ceil else "valid")(x)
        features[f"pool{block + 1}"] = x
        index += 1
    features["stride32"] = x
    return features
