"""Encoders of segmentation_models.pytorch (smp), renamed because Keras' encoders have their names.

| here | in smp |
|---|---|
| `timm_efficientnet_b0` | `timm-efficientnet-b0` |
| `timm_efficientnet_lite0` | `timm-tf_efficientnet_lite0` |
| `pytorch_efficientnet_b0` | `efficientnet-b0`, of the package efficientnet_pytorch |
| `torchvision_mobilenet_v2` | `mobilenet_v2` |
"""

from functools import partial

from tfseg.encoders.efficientnet_lite import scaled
from tfseg.encoders.inverted import KEYS, PACKAGE, TIMM, Style, efficientnet, mobilenet_v2
from tfseg.encoders.row import Encoder
from tfseg.fetching import Hub

# number -> width, depth, image side
B = {
    0: (1.0, 1.0, 224),
    1: (1.0, 1.1, 240),
    2: (1.1, 1.2, 260),
    3: (1.2, 1.4, 300),
    4: (1.4, 1.8, 380),
    5: (1.6, 2.2, 456),
    6: (1.8, 2.6, 528),
    7: (2.0, 3.1, 600),
}
# Commits of the weights in smp's repositories, in this order.
TIMM_COMMITS = (
    "8419e9cc19da0b68dcd7bb12f19b7c92407ad7c4",
    "63bdd65ef6596ef24f1cadc7dd4f46b624442349",
    "e693adb39d3cb3847e71e3700a0c2aa58072cff1",
    "1666b835b5151d6bb2067c7cd67e67ada6c39edf",
    "07868c28ab308f4de4cf1e7ec54b33b8b002ccdb",
    "004153b4ddd93d30afd9bbf34329d7f57396d413",
    "dbbf28a5c33f021486db4070de693caad6b56c3d",
    "8ef7ffccf54dad9baceb21d05b7ef86b6b70f4cc",
)
PACKAGE_COMMITS = (
    "1bbe7ecc1d5ea1d2058de1a2db063b8701aff314",
    "5d637466a5215de300a8ccb13a39357df2df2bf4",
    "a96d4f0295ffbae18ebba173bf7f3c0c8f21990e",
    "074c54a6c473e0d294690d49cedb6cf463e7127d",
    "05cd5dde5dab658f00c463f9b9aa0ced76784f40",
    "69f4d28460a4e421b7860bc26ee7d832e03e01ca",
    "8570752016f7c62ae149cffa058550fe44e21c8b",
    "5a5dbe687d612ebc3dca248274fd1191111deda6",
)
# number -> width, depth, commit
LITE = {
    0: (1.0, 1.0, "f5729249af07e5d923fb8b16922256ce2865d108"),
    1: (1.0, 1.1, "7b5e3f8dbb0c13b74101773584bba7523721be72"),
    2: (1.1, 1.2, "cc5f6cd4c7409ebacc13292f09d369ae88547f6a"),
    3: (1.2, 1.4, "ab29c8402991591d66f813bbb1f061565d9b0cd0"),
    4: (1.4, 1.8, "91a822e0f03c255b34dfb7846d3858397e50ba39"),
}


def _row(style, width, depth, weights, normalization="imagenet", **options):
    channels = [scaled(channels, width) for channels in (24, 40, 112, 320)]
    stem = 32 if options.get("lite") else scaled(32, width)
    return Encoder(
        partial(efficientnet, style=style, width=width, depth=depth, **options),
        "torch_efficientnet",
        (stem, *channels),
        dilates=True,
        normalization=normalization,
        weights=Hub(*weights),
        keys=KEYS,
    )


def _timm(number, width, depth, side):
    style = Style(TIMM, gated=True, activation="silu")
    weights = (f"smp-hub/timm-efficientnet-b{number}.imagenet", TIMM_COMMITS[number])
    return _row(style, width, depth, weights)


def _package(number, width, depth, side):
    """For B0, smp takes the first of three blocks as the feature at stride 16."""
    style = Style(PACKAGE, gated=True, activation="silu", epsilon=1e-3, side=side)
    weights = (f"smp-hub/efficientnet-b{number}.imagenet", PACKAGE_COMMITS[number])
    return _row(style, width, depth, weights, **({} if number else {"joined": 8}))


def _lite(number, width, depth, commit):
    weights = (f"smp-hub/timm-tf_efficientnet_lite{number}.imagenet", commit)
    return _row(Style(TIMM), width, depth, weights, "symmetric", lite=True)


SMP = {
    **{f"timm_efficientnet_b{n}": _timm(n, *row) for n, row in B.items()},
    **{f"pytorch_efficientnet_b{n}": _package(n, *row) for n, row in B.items()},
    **{f"timm_efficientnet_lite{n}": _lite(n, *row) for n, row in LITE.items()},
    "torchvision_mobilenet_v2": Encoder(
        mobilenet_v2,
        "torch_mobilenet",
        (16, 24, 32, 96, 1280),
        dilates=True,
        weights=Hub("smp-hub/mobilenet_v2.imagenet", "e67aa804e17f7b404b629127eabbd224c4e0690b"),
    ),
}
