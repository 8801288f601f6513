"""RegNet encoders (Radosavovic et al. 2020, arXiv 2003.13678), torchvision layout and names."""

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.layers.blocks import batch_norm, bn_relu, conv, squeeze_excite

PARTS = {"conv1": "f.a", "conv2": "f.b", "conv3": "f.c", "downsample": "proj"}
# timm's names -> layer names here.
KEYS = (
    (r"^s(\d)\.b(\d+)\.", lambda m: f"trunk_output.block{m[1]}.block{m[1]}-{int(m[2]) - 1}."),
    (
        r"^(trunk_output\.\S+-\d+\.)(conv[123]|downsample)\.(?=conv|bn)",
        lambda m: f"{m[1]}{PARTS[m[2]]}.",
    ),
    (r"^(trunk_output\.\S+-\d+\.)se\.", r"\1f.se."),
    (r"^(stem|trunk_output\..*)\.conv\.", r"\1.0."),
    (r"^(stem|trunk_output\..*)\.bn\.", r"\1.1."),
)

# name -> blocks, channels, channels of a group, whether it has squeeze-and-excitation. First
# torchvision's, then timm's with other sizes or with differently rounded channels.
REGNETS = {
    "regnet_x_400mf": ((1, 2, 7, 12), (32, 64, 160, 400), 16, False),
    "regnet_x_800mf": ((1, 3, 7, 5), (64, 128, 288, 672), 16, False),
    "regnet_x_1_6gf": ((2, 4, 10, 2), (72, 168, 408, 912), 24, False),
    "regnet_x_3_2gf": ((2, 6, 15, 2), (96, 192, 432, 1008), 48, False),
    "regnet_x_8gf": ((2, 5, 15, 1), (80, 240, 720, 1920), 120, False),
    "regnet_y_400mf": ((1, 3, 6, 6), (48, 104, 208, 440), 8, True),
    "regnet_y_800mf": ((1, 3, 8, 2), (64, 144, 320, 784), 16, True),
    "regnet_y_1_6gf": ((2, 6, 17, 2), (48, 120, 336, 888), 24, True),
    "regnet_y_3_2gf": ((2, 5, 13, 1), (72, 216, 576, 1512), 24, True),
    "regnet_y_8gf": ((2, 4, 10, 1), (224, 448, 896, 2016), 56, True),
    "regnetx_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8, False),
    "regnetx_004": ((1, 2, 7, 12), (32, 64, 160, 384), 16, False),
    "regnetx_006": ((1, 3, 5, 7), (48, 96, 240, 528), 24, False),
    "regnetx_040": ((2, 5, 14, 2), (80, 240, 560, 1360), 40, False),
    "regnetx_064": ((2, 4, 10, 1), (168, 392, 784, 1624), 56, False),
    "regnetx_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112, False),
    "regnetx_160": ((2, 6, 13, 1), (256, 512, 896, 2048), 128, False),
    "regnetx_320": ((2, 7, 13, 1), (336, 672, 1344, 2520), 168, False),
    "regnety_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8, True),
    "regnety_006": ((1, 3, 7, 4), (48, 112, 256, 608), 16, True),
    "regnety_008": ((1, 3, 8, 2), (64, 128, 320, 768), 16, True),
    "regnety_040": ((2, 6, 12, 2), (128, 192, 512, 1088), 64, True),
    "regnety_064": ((2, 7, 14, 2), (144, 288, 576, 1296), 72, True),
    "regnety_080": ((2, 4, 10, 1), (168, 448, 896, 2016), 56, True),
    "regnety_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112, True),
    "regnety_160": ((2, 4, 11, 1), (224, 448, 1232, 3024), 112, True),
    "regnety_320": ((2, 5, 12, 1), (232, 696, 1392, 3712), 232, True),
}


def _block(x, filters, group, stride, dilation, gated, name):
    """1×1, 3×3 in groups of `group` channels, a gate if `gated`, 1×1; a shortcut."""
    shortcut, narrow = x, round(x.shape[-1] / 4)
    if stride > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, stride=stride, name=f"{name}.proj.0")
        shortcut = batch_norm(shortcut, name=f"{name}.proj.1")
    x = bn_relu(conv(x, filters, 1, name=f"{name}.f.a.0"), name=f"{name}.f.a.1")
    groups = filters // group
    x = conv(x, filters, 3, stride=stride, dilation=dilation, groups=groups, name=f"{name}.f.b.0")
    x = bn_relu(x, name=f"{name}.f.b.1")
    if gated:
        x = squeeze_excite(x, narrow, f"{name}.f.se")
    x = batch_norm(conv(x, filters, 1, name=f"{name}.f.c.0"), name=f"{name}.f.c.1")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def regnet(x, depths, widths, group, *, gated=False, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32".

    Args:
        depths, widths: blocks and channels of the four stages, at strides 4 to 32.
        group: channels of a group in the 3×3 convolutions.
        gated: True for a RegNetY, which has squeeze-and-excitation; False for a RegNetX.
        output_stride, dilations: as in `resnet`.
    """
    x = bn_relu(conv(x, 32, 3, stride=2, name="stem.0"), name="stem.1")
    features = {"stride2": x}
    for stage, (depth, filters) in enumerate(zip(depths, widths, strict=True), 1):
        reached = 2 << stage
        rates = dilations_of(reached, depth, output_stride, dilations)
        for i, (rate, _) in enumerate(rates):
            stride = 2 if i == 0 and reached <= output_stride else 1
            name = f"trunk_output.block{stage}.block{stage}-{i}"
            x = _block(x, filters, min(group, filters), stride, rate, gated, name)
        features[f"stride{reached}"] = x
    return features
