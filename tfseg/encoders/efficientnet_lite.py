"""EfficientNet-Lite encoders (Tan and Le 2019, arXiv 1905.11946), made for int8: ReLU6 instead of
swish, no squeeze-and-excitation, and a stem, first and last stage that do not scale. Padding is
TensorFlow's; names are those of the package `efficientnet_lite_pytorch` without leading
underscores.
"""

import math
import re

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.layers.blocks import batch_norm, conv, depthwise

STEM, EPSILON = 32, 1e-3
# blocks, kernel side, stride, expansion, channels
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _flat_numbering(mapping):
    """Translates timm's names, which number blocks within each stage, to the package's."""
    places = {m[1] for key in mapping if (m := re.match(r"blocks\.(\d+\.\d+)\.", key))}
    number = {place: i for i, place in enumerate(sorted(places, key=_numbers))}
    named = {}
    for key, array in mapping.items():
        if match := re.match(r"blocks\.(\d+\.\d+)\.(\w+)(\..*)", key):
            place, part, rest = match.groups()
            # The first block does not expand: its first convolution is the depthwise one.
            part = (TIMM_FIRST if place == "0.0" else TIMM).get(part, part)
            key = f"blocks.{number[place]}.{part}{rest}"
        elif places:
            key = re.sub(r"^bn1\.", "bn0.", key)
        named[key] = array
    return named


def _flat_features(mapping):
    """As `_flat_numbering`, for timm's feature extractor, smp's `tu-tf_efficientnet_lite0`.

    A file with the classifier's last convolution is smp's `timm-tf_efficientnet_lite0`, which pads
    equally on every side. Its names stay unchanged, because another encoder here uses them. A stage
    that begins with a plain convolution is MobileNetV3's or EfficientNetV2's.
    """
    other = "conv_head.weight" in mapping or any(map(PLAIN_STAGE.match, mapping))
    return mapping if other else _flat_numbering(mapping)


def _numbers(place):
    return [int(number) for number in place.split(".")]


def _without_classifier(mapping):
    return {key: array for key, array in mapping.items() if not re.match(CLASSIFIER, key)}


TIMM_FIRST = {"conv_dw": "depthwise_conv", "conv_pw": "project_conv"}
TIMM = {
    "conv_pw": "expand_conv", "bn1": "bn0", "conv_dw": "depthwise_conv", "bn2": "bn1",
    "conv_pwl": "project_conv", "bn3": "bn2",
}  # fmt: skip
PLAIN_STAGE = re.compile(r"blocks\.\d\.0\.conv(_exp)?\.")
CLASSIFIER = r"_?(conv_head|fc|classifier)\.|_bn1\.|bn2\."
TIMM_KEYS = (_flat_features,)
KEYS = (
    _without_classifier,
    _flat_numbering,
    (r"(^|\.)_", r"\1"),  # TensorFlow scopes cannot begin with the package's underscore
)


def _norm(x, name, rectified=True):
    x = batch_norm(x, epsilon=EPSILON, name=name)
    return layers.ReLU(6.0)(x) if rectified else x


def _block(x, growth, kernel, stride, dilation, filters, name):
    """1×1 up to `growth` times the channels, depthwise, 1×1 down to `filters`; a shortcut."""
    y = x
    if growth > 1:
        y = conv(y, growth * x.shape[-1], 1, name=f"{name}.expand_conv")
        y = _norm(y, f"{name}.bn0")
    y = depthwise(y, kernel, stride=stride, dilation=dilation, name=f"{name}.depthwise_conv")
    y = _norm(y, f"{name}.bn1")
    y = conv(y, filters, 1, name=f"{name}.project_conv")
    y = _norm(y, f"{name}.bn2", rectified=False)
    return layers.Add()([x, y]) if stride == 1 and filters == x.shape[-1] else y


def efficientnet_lite(x, width=1.0, depth=1.0, *, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32": the last
    block's output at each stride. Odd sides are halved rounding up.

    Args:
        width, depth: multiples of the channels and blocks of Lite0; the stem's channels and the
            blocks of the first and last stage stay as they are.
        output_stride, dilations: as in `resnet`, which counts the stages at strides 4 to 32.
    """
    x = conv(x, STEM, 3, stride=2, padding="same", name="conv_stem")
    x = _norm(x, "bn0")
    features, stride, index = {}, 2, 0
    for number, (blocks, kernel, step, growth, channels) in enumerate(STAGES):
        if 0 < number < len(STAGES) - 1:
            blocks = math.ceil(depth * blocks)
        stride *= step
        rates = dilations_of(stride, blocks, output_stride, dilations, strided=step > 1)
        for i, (rate, _) in enumerate(rates):
            strided = step if i == 0 and stride <= output_stride else 1
            name, filters = f"blocks.{index}", scaled(channels, width)
            x = _block(x, growth, kernel, strided, rate, filters, name)
            index += 1
        features[f"stride{stride}"] = x
    return features


def scaled(channels: int, width: float) -> int:
    """`width` times as many channels, rounded to a multiple of 8 that is at least 90 % of it."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * wanted else nearest + 8
