"""Encoders that segmentation_models.pytorch (smp) takes from timm and that differ from Keras'.

They have timm's names; ConvNeXts begin with `timm_`, because Keras' have the plain names here.
"""

from functools import partial

from tfseg.encoders import convnext, efficientnet_v2, inverted, mobilenet_v3
from tfseg.encoders.efficientnet_lite import scaled
from tfseg.encoders.mobilenet_v3 import LARGE, SMALL
from tfseg.encoders.row import Encoder
from tfseg.fetching import Torch

FILES = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-{}.pth"
# name -> stages, width, its file
MOBILENET_V3 = {
    "mobilenetv3_large_075": (LARGE, 0.75, None),
    "mobilenetv3_large_100": (LARGE, 1.0, "weights/mobilenetv3_large_100_ra-f55367f5"),
    "mobilenetv3_small_075": (SMALL, 0.75, "weights/mobilenetv3_small_075_lambc-384766db"),
    "mobilenetv3_small_100": (SMALL, 1.0, "weights/mobilenetv3_small_100_lamb-266a294c"),
    "tf_mobilenetv3_large_075": (LARGE, 0.75, "weights/tf_mobilenetv3_large_075-150ee8b0"),
    "tf_mobilenetv3_large_100": (LARGE, 1.0, "weights/tf_mobilenetv3_large_100-427764d5"),
    "tf_mobilenetv3_large_minimal_100": (
        LARGE,
        1.0,
        "weights/tf_mobilenetv3_large_minimal_100-8596ae28",
    ),
    "tf_mobilenetv3_small_075": (SMALL, 0.75, "weights/tf_mobilenetv3_small_075-da427f52"),
    "tf_mobilenetv3_small_100": (SMALL, 1.0, "weights/tf_mobilenetv3_small_100-37f49e2b"),
    "tf_mobilenetv3_small_minimal_100": (
        SMALL,
        1.0,
        "weights/tf_mobilenetv3_small_minimal_100-922a7843",
    ),
}
# name -> stages, its file
EFFICIENTNET_V2 = {
    "efficientnetv2_rw_s": (efficientnet_v2.RW_S, "weights/efficientnet_v2s_ra2_288-a6477665"),
    "tf_efficientnetv2_s": (efficientnet_v2.S, "effv2-weights/tf_efficientnetv2_s-eb54923e"),
    "tf_efficientnetv2_m": (efficientnet_v2.M, "effv2-weights/tf_efficientnetv2_m-cc09e0cd"),
}
# size -> blocks and channels of the stages
CONVNEXT = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
}


def _row(build, family, channels, same, file):
    """A row; weights ported from TensorFlow (`same`) were trained with its normalisation."""
    return Encoder(
        build,
        family,
        channels,
        dilates=True,
        normalization="symmetric" if same else "imagenet",
        weights=Torch(FILES.format(file)) if file else None,
        timm=True,
    )


def _mobilenet_v3(name, stages, width, file):
    style = mobilenet_v3.Style(same=name.startswith("tf_"), minimal="minimal" in name)
    maps = (16, 24, 40, 112) if stages is LARGE else (16, 16, 24, 48)
    last = mobilenet_v3.LAST * scaled(stages[-1][3], width)
    build = partial(mobilenet_v3.mobilenet_v3, stages=stages, style=style, width=width)
    channels = (*(scaled(channels, width) for channels in maps), last)
    return _row(build, "timm_mobilenet_v3", channels, style.same, file)


def _efficientnet_v2(name, stages, file):
    same = name.startswith("tf_")
    style = inverted.Style(
        inverted.TIMM, gated=True, activation="silu", epsilon=1e-3 if same else 1e-5
    )
    pads = "same" if same else 1
    build = partial(efficientnet_v2.efficientnet_v2, stages=stages, style=style, pads=pads)
    channels = tuple(stages[i][-1] for i in (0, 1, 2, 4, -1))
    return _row(build, "timm_efficientnet_v2", channels, same, file)


def _convnext(depths, widths):
    return Encoder(
        partial(convnext.convnext, depths=depths, widths=widths),
        "timm_convnext",
        (0, *widths),
        keys=convnext.KEYS,
        preactivated=True,
    )


TIMM = {
    **{name: _mobilenet_v3(name, *row) for name, row in MOBILENET_V3.items()},
    **{name: _efficientnet_v2(name, *row) for name, row in EFFICIENTNET_V2.items()},
    **{f"timm_convnext_{size}": _convnext(*row) for size, row in CONVNEXT.items()},
}
