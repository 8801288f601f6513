"""EfficientNetV2 encoders (Tan and Le 2021, arXiv 2104.00298) with timm's layout and names.

The encoders from Keras have other skip layers.
"""

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.encoders.inverted import block
from tfseg.layers.blocks import conv

# Per stage: blocks, their kind, stride, expansion, channels (table 4).
S = (
    (2, "plain", 1, 1, 24),
    (4, "fused", 2, 4, 48),
    (4, "fused", 2, 4, 64),
    (6, "inverted", 2, 4, 128),
    (9, "inverted", 1, 6, 160),
    (15, "inverted", 2, 6, 256),
)
M = (
    (3, "plain", 1, 1, 24),
    (5, "fused", 2, 4, 48),
    (5, "fused", 2, 4, 80),
    (7, "inverted", 2, 4, 160),
    (14, "inverted", 1, 6, 176),
    (18, "inverted", 2, 6, 304),
    (5, "inverted", 1, 6, 512),
)
RW_S = ((2, "fused", 1, 1, 24), *S[1:5], (15, "inverted", 2, 6, 272))  # timm's variant


def _plain(x, growth, pads, dilation, filters, style, name):
    """3×3 with a shortcut."""
    how = {"stride": 2, "padding": pads} if pads else {"dilation": dilation}
    y = style.norm(conv(x, filters, 3, **how, name=f"{name}.conv"), f"{name}.bn1")
    return layers.Add()([x, y]) if not pads and filters == x.shape[-1] else y


def _fused(x, growth, pads, dilation, filters, style, name):
    """3×3 expansion by `growth`, 1×1 projection to `filters`, with a shortcut."""
    how = {"stride": 2, "padding": pads} if pads else {"dilation": dilation}
    y = conv(x, growth * x.shape[-1], 3, **how, name=f"{name}.conv_exp")
    y = conv(style.norm(y, f"{name}.bn1"), filters, 1, name=f"{name}.conv_pwl")
    y = style.norm(y, f"{name}.bn2", rectified=False)
    return layers.Add()([x, y]) if not pads and filters == x.shape[-1] else y


def _inverted(x, growth, pads, dilation, filters, style, name):
    return block(x, growth, 3, pads, dilation, filters, style, name)


KINDS = {"plain": _plain, "fused": _fused, "inverted": _inverted}


def efficientnet_v2(x, stages, style, pads, *, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32": the last
    block's output at each.

    Args:
        stages: `S`, `M` or `RW_S`.
        style: a `Style` of `inverted`.
        pads: padding of strided convolutions: 1, or "same" for TensorFlow's.
        output_stride, dilations: as in `resnet`.
    """
    x = conv(x, stages[0][-1], 3, stride=2, padding=pads, name="conv_stem")
    x, features, stride = style.norm(x, "bn1"), {}, 2
    for number, (blocks, kind, step, growth, filters) in enumerate(stages):
        stride *= step
        rates = dilations_of(stride, blocks, output_stride, dilations, strided=step > 1)
        for i, (rate, _) in enumerate(rates):
            strided = i == 0 and step > 1 and stride <= output_stride
            how = (pads if strided else None, rate, filters, style)
            x = KINDS[kind](x, growth, *how, f"blocks.{number}.{i}")
        features[f"stride{stride}"] = x
    return features
