"""Encoders of `keras.applications`, with Keras' ImageNet weights.

Its VGGs, ResNets and DenseNets are left out, because torchvision's versions are here.
"""

from functools import partial

from tfseg.encoders.applications import application, load_application
from tfseg.encoders.row import Encoder
from tfseg.fetching import Keras

# Families whose features are sums that only the next block normalises and rectifies.
PREACTIVATED = ("xception", "resnet_v2", "convnext")

# family, normalization, file in Keras' cache (from the name here, the lower-case name in Keras and
# the size), and for each encoder: its name here, its name in Keras, its channels.
GROUPS = (
    (
        "mobilenet_v2",
        "symmetric",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        (("mobilenet_v2", "MobileNetV2", (96, 144, 192, 576, 1280)),),
    ),
    (
        "mobilenet_v3",
        "symmetric",
        "weights_{name}_224_1.0_float_no_top_v2.h5",
        (
            ("mobilenet_v3_small", "MobileNetV3Small", (16, 72, 96, 288, 576)),
            ("mobilenet_v3_large", "MobileNetV3Large", (64, 72, 240, 672, 960)),
        ),
    ),
    (
        "efficientnet",
        "imagenet",
        "{there}_notop.h5",
        (
            ("efficientnet_b0", "EfficientNetB0", (96, 144, 240, 672, 1280)),
            ("efficientnet_b1", "EfficientNetB1", (96, 144, 240, 672, 1280)),
            ("efficientnet_b2", "EfficientNetB2", (96, 144, 288, 720, 1408)),
            ("efficientnet_b3", "EfficientNetB3", (144, 192, 288, 816, 1536)),
            ("efficientnet_b4", "EfficientNetB4", (144, 192, 336, 960, 1792)),
            ("efficientnet_b5", "EfficientNetB5", (144, 240, 384, 1056, 2048)),
            ("efficientnet_b6", "EfficientNetB6", (192, 240, 432, 1200, 2304)),
            ("efficientnet_b7", "EfficientNetB7", (192, 288, 480, 1344, 2560)),
        ),
    ),
    (
        "efficientnet_v2",
        "imagenet",
        "efficientnetv2-{size}_notop.h5",
        (
            ("efficientnet_v2_b0", "EfficientNetV2B0", (16, 32, 192, 672, 1280)),
            ("efficientnet_v2_b1", "EfficientNetV2B1", (16, 32, 192, 672, 1280)),
            ("efficientnet_v2_b2", "EfficientNetV2B2", (16, 32, 224, 720, 1408)),
            ("efficientnet_v2_b3", "EfficientNetV2B3", (16, 40, 224, 816, 1536)),
        ),
    ),
    (
        "efficientnet_v2",
        "efficientnet_v2",
        "efficientnetv2-{size}_notop.h5",
        (
            ("efficientnet_v2_s", "EfficientNetV2S", (24, 48, 256, 960, 1280)),
            ("efficientnet_v2_m", "EfficientNetV2M", (24, 48, 320, 1056, 1280)),
            ("efficientnet_v2_l", "EfficientNetV2L", (32, 64, 384, 1344, 1280)),
        ),
    ),
    (
        "convnext",
        "imagenet",
        "{name}_notop.h5",
        (
            ("convnext_tiny", "ConvNeXtTiny", (3, 96, 192, 384, 768)),
            ("convnext_small", "ConvNeXtSmall", (3, 96, 192, 384, 768)),
            ("convnext_base", "ConvNeXtBase", (3, 128, 256, 512, 1024)),
            ("convnext_large", "ConvNeXtLarge", (3, 192, 384, 768, 1536)),
            ("convnext_xlarge", "ConvNeXtXLarge", (3, 256, 512, 1024, 2048)),
        ),
    ),
    (
        "xception",
        "symmetric",
        "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        (("xception", "Xception", (64, 128, 256, 728, 2048)),),
    ),
    (
        "resnet_v2",
        "symmetric",
        "{there}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        (
            ("resnet50_v2", "ResNet50V2", (64, 256, 512, 1024, 2048)),
            ("resnet101_v2", "ResNet101V2", (64, 256, 512, 1024, 2048)),
            ("resnet152_v2", "ResNet152V2", (64, 256, 512, 1024, 2048)),
        ),
    ),
)


def _row(name, there, family, channels, normalization, file):
    file = file.format(name=name, there=there.lower(), size=name.rsplit("_", 1)[-1])
    return Encoder(
        partial(application, name=there),
        family,
        channels,
        dilates=True,
        normalization=normalization,
        weights=Keras(there, file),
        load=partial(load_application, name=there),
        preactivated=family in PREACTIVATED,
    )


KERAS = {
    name: _row(name, there, family, channels, normalization, file)
    for family, normalization, file, rows in GROUPS
    for name, there, channels in rows
}
