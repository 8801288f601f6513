"""RegNet encoders (Radosavovic et al. 2020, arXiv 2003.13678), torchvision's layout and names."""

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.layers.blocks import batch_norm, bn_relu, conv, squeeze_excite


def _block(x, filters, group, stride, dilation, gated, name):
    """1×1, 3×3 in groups of `group` channels, squeeze-and-excitation in a Y, 1×1; a shortcut."""
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
        gated: squeeze-and-excitation: a RegNetY, otherwise a RegNetX.
        output_stride, dilations: as of `resnet`.
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
