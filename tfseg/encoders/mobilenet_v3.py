"""MobileNetV3 encoders (Howard et al. 2019, arXiv 1905.02244) with timm's layout and names.

segmentation_models.pytorch (smp) uses these; the encoders from Keras have other skip layers.
"""

from dataclasses import dataclass

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.encoders.efficientnet_lite import scaled
from tfseg.layers.blocks import batch_norm, conv, depthwise

STEM = 16
# Per stage: kernel, stride, expansion of each block, channels, squeeze-and-excitation, hard swish
# (tables 1 and 2).
LARGE = (
    (3, 1, (1,), 16, False, False),
    (3, 2, (4, 3), 24, False, False),
    (5, 2, (3, 3, 3), 40, True, False),
    (3, 2, (6, 2.5, 2.3, 2.3), 80, False, True),
    (3, 1, (6, 6), 112, True, True),
    (5, 2, (6, 6, 6), 160, True, True),
)
SMALL = (
    (3, 2, (1,), 16, True, False),
    (3, 2, (4.5, 3.67), 24, False, False),
    (5, 2, (4, 6, 6), 40, True, True),
    (5, 1, (3, 3), 48, True, True),
    (5, 2, (6, 6, 6), 96, True, True),
)
LAST = 6  # times the last stage's channels


@dataclass(frozen=True)
class Style:
    """The variant of the blocks.

    Attributes:
        same: TensorFlow's padding of strided convolutions and its epsilon; otherwise PyTorch's.
        minimal: 3×3 kernels, ReLU, no squeeze-and-excitation.
    """

    same: bool = False
    minimal: bool = False

    def norm(self, x, name):
        return batch_norm(x, epsilon=1e-3 if self.same else 1e-5, name=name)

    def norm_act(self, x, swish, name):
        act = layers.Activation("hard_silu") if swish and not self.minimal else layers.ReLU()
        return act(self.norm(x, name))

    def padding(self, kernel):
        return "same" if self.same else kernel // 2


def _gate(x, name):
    """Squeeze-and-excitation; its inner activation is always ReLU."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    narrow = scaled(x.shape[-1], 0.25)
    y = layers.ReLU()(conv(y, narrow, 1, bias=True, name=f"{name}.conv_reduce"))
    y = conv(y, x.shape[-1], 1, bias=True, init="torch", name=f"{name}.conv_expand")
    return layers.Multiply()([x, layers.Activation("hard_sigmoid")(y)])


def _block(x, growth, kernel, stride, dilation, filters, gated, swish, style, name):
    """1×1 expansion by `growth`, depthwise, 1×1 projection to `filters`, with a shortcut."""
    y, plain = x, growth == 1
    if not plain:
        y = conv(y, scaled(x.shape[-1], growth), 1, name=f"{name}.conv_pw")
        y = style.norm_act(y, swish, f"{name}.bn1")
    how = {"dilation": dilation} if stride == 1 else {"stride": 2, "padding": style.padding(kernel)}
    y = depthwise(y, kernel, **how, name=f"{name}.conv_dw")
    y = style.norm_act(y, swish, f"{name}.bn1" if plain else f"{name}.bn2")
    if gated and not style.minimal:
        y = _gate(y, f"{name}.se")
    y = conv(y, filters, 1, name=f"{name}.conv_pw" if plain else f"{name}.conv_pwl")
    y = style.norm(y, f"{name}.bn2" if plain else f"{name}.bn3")
    return layers.Add()([x, y]) if stride == 1 and filters == x.shape[-1] else y


def mobilenet_v3(x, stages, style, *, width=1.0, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32": the last
    block's output at each.

    Args:
        stages: `LARGE` or `SMALL`.
        width: factor for the channels.
        output_stride, dilations: as in `resnet`.
    """
    x = conv(x, scaled(STEM, width), 3, stride=2, padding=style.padding(3), name="conv_stem")
    x = style.norm_act(x, True, "bn1")
    features, stride = {"stride2": x}, 2
    for number, (kernel, step, growths, channels, gated, swish) in enumerate(stages):
        stride, filters = stride * step, scaled(channels, width)
        rates = dilations_of(stride, len(growths), output_stride, dilations, strided=step > 1)
        for i, (growth, (rate, _)) in enumerate(zip(growths, rates, strict=True)):
            strided = step if i == 0 and stride <= output_stride else 1
            side, name = 3 if style.minimal else kernel, f"blocks.{number}.{i}"
            x = _block(x, growth, side, strided, rate, filters, gated, swish, style, name)
        features[f"stride{stride}"] = x
    x = conv(x, LAST * x.shape[-1], 1, name=f"blocks.{len(stages)}.0.conv")
    features["stride32"] = style.norm_act(x, True, f"blocks.{len(stages)}.0.bn1")
    return features
