"""EfficientNets and MobileNetV2 as in PyTorch and segmentation_models.pytorch (smp). Those of Keras
pad differently and give other maps as features.

EfficientNet: Tan and Le 2019, arXiv 1905.11946; MobileNetV2: Sandler et al. 2018, arXiv 1801.04381.
"""

import math
import re
from dataclasses import dataclass

from keras import layers

from tfseg.encoders.dilations import dilations_of
from tfseg.encoders.efficientnet_lite import STAGES as EFFICIENTNET
from tfseg.encoders.efficientnet_lite import STEM, scaled
from tfseg.layers.blocks import batch_norm, conv, depthwise

# blocks, kernel side, stride, expansion, channels
MOBILENET = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (3, 3, 2, 6, 32),
    (4, 3, 2, 6, 64),
    (3, 3, 1, 6, 96),
    (3, 3, 2, 6, 160),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Spelling:
    """A project's names of a network's layers.

    Attributes:
        block: template with {index}, the block's number, or {stage} and {i}, its number there.
        grown: layers of a block that expands: expansion, its norm, depthwise, its norm, the two of
            squeeze-and-excitation, projection, its norm.
        plain: layers of a block that does not expand, from the depthwise convolution on.
        stem: the first convolution and its norm.
        first: the number of the first block.
    """

    block: str
    grown: tuple[str, ...]
    plain: tuple[str, ...]
    stem: tuple[str, str]
    first: int = 0


_SE = ("se.conv_reduce", "se.conv_expand")
TIMM = Spelling(
    "blocks.{stage}.{i}",
    ("conv_pw", "bn1", "conv_dw", "bn2", *_SE, "conv_pwl", "bn3"),
    ("conv_dw", "bn1", *_SE, "conv_pw", "bn2"),
    ("conv_stem", "bn1"),
)
_PLAIN = ("depthwise_conv", "bn1", "se_reduce", "se_expand", "project_conv", "bn2")
# The package efficientnet_pytorch, without the leading underscores of its names.
PACKAGE = Spelling("blocks.{index}", ("expand_conv", "bn0", *_PLAIN), _PLAIN, ("conv_stem", "bn0"))
TORCHVISION = Spelling(
    "features.{index}.conv",
    ("0.0", "0.1", "1.0", "1.1", "", "", "2", "3"),
    ("0.0", "0.1", "", "", "1", "2"),
    ("features.0.0", "features.0.1"),
    first=1,
)


def _without_head(mapping):
    """Drops the classifier's head, which smp keeps in its encoders but never calls."""
    heads = {"conv_head": r"(conv_head|bn2|classifier)\.", "_conv_head": r"(_conv_head|_bn1|_fc)\."}
    for head, pattern in heads.items():
        if f"{head}.weight" in mapping:
            return {key: array for key, array in mapping.items() if not re.match(pattern, key)}
    return mapping


KEYS = (_without_head, (r"^_", ""), (r"^(blocks\.\d+\.)_", r"\1"))


@dataclass(frozen=True)
class Style:
    """How blocks compute.

    Attributes:
        names: names of the layers.
        gated: whether blocks have squeeze-and-excitation.
        activation: "silu" (swish) or "relu6".
        epsilon: epsilon of batch normalisation.
        side: image side for which strided convolutions compute TensorFlow's padding, used at every
            image size; None pads equally on every side.
    """

    names: Spelling
    gated: bool = False
    activation: str = "relu6"
    epsilon: float = 1e-5
    side: int | None = None

    def act(self, x):
        return layers.ReLU(6.0)(x) if self.activation == "relu6" else layers.Activation("silu")(x)

    def norm(self, x, name, rectified=True):
        x = batch_norm(x, epsilon=self.epsilon, name=name)
        return self.act(x) if rectified else x

    def pads(self, kernel, reduced):
        """The padding of a convolution of stride 2 whose input has stride `reduced`."""
        if self.side is None:
            return (kernel // 2,) * 2
        side = math.ceil(self.side / reduced)
        total = max((math.ceil(side / 2) - 1) * 2 + kernel - side, 0)
        return ((total // 2, total - total // 2),) * 2


def _gate(x, narrow, style, names):
    """Squeeze-and-excitation with the block's activation inside."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = style.act(conv(y, narrow, 1, bias=True, name=names[0]))
    y = conv(y, x.shape[-1], 1, bias=True, init="torch", name=names[1])
    return layers.Multiply()([x, layers.Activation("sigmoid")(y)])


def block(x, growth, kernel, pads, dilation, filters, style, name):
    """1×1 up to `growth` times the channels, depthwise, 1×1 down to `filters`; a shortcut.

    `pads` is None for stride 1.
    """
    y, channels = x, x.shape[-1]
    names = [f"{name}.{part}" for part in (style.names.grown if growth > 1 else style.names.plain)]
    if growth > 1:
        y = style.norm(conv(y, growth * channels, 1, name=names[0]), names[1])
        names = names[2:]
    how = {"stride": 2, "padding": pads} if pads else {"dilation": dilation}
    y = style.norm(depthwise(y, kernel, **how, name=names[0]), names[1])
    if style.gated:
        y = _gate(y, max(1, channels // 4), style, names[2:4])
    y = style.norm(conv(y, filters, 1, name=names[4]), names[5], rectified=False)
    return layers.Add()([x, y]) if not pads and filters == channels else y


def inverted(x, stages, style, stem, *, joined=None, output_stride=32, dilations=None):
    """Normalised pixels (N, H, W, 3) -> features by name, "stem" and "stride2" to "stride32": the
    last block's output at each stride.

    Args:
        stages: rows as in `MOBILENET`.
        stem: channels of the first convolution.
        joined: number of the block that gives "stride16", if it is not the last one there.
        output_stride, dilations: as in `resnet`.
    """
    first, norm = style.names.stem
    x = style.norm(conv(x, stem, 3, stride=2, padding=style.pads(3, 1)[0], name=first), norm)
    features, stride, index = {"stem": x}, 2, 0
    for number, (blocks, kernel, step, growth, filters) in enumerate(stages):
        before, stride = stride, stride * step
        rates = dilations_of(stride, blocks, output_stride, dilations, strided=step > 1)
        for i, (rate, _) in enumerate(rates):
            pads = (
                style.pads(kernel, before) if i == 0 and before < stride <= output_stride else None
            )
            if stride == 16 and joined is not None and index > joined:
                rate = (dilations or {}).get(4, (rate,))[0]  # smp counts it as the next stage
            place = {"index": index + style.names.first, "stage": number, "i": i}
            x = block(
                x, growth, kernel, pads, rate, filters, style, style.names.block.format(**place)
            )
            if stride != 16 or joined is None or index <= joined:
                features[f"stride{stride}"] = x
            index += 1
    return {**features, "last": x}


def efficientnet(x, style, width=1.0, depth=1.0, *, lite=False, **options):
    """Normalised pixels (N, H, W, 3) -> features by name; "stride2" is the first convolution's.

    Args:
        style: a `Style`.
        width, depth: multiples of the channels and blocks of B0.
        lite: whether the stem's channels and the blocks of the first and last stage stay unscaled.
        options: `joined`, `output_stride` and `dilations`, as in `inverted`.
    """
    kept = (0, len(EFFICIENTNET) - 1) if lite else ()
    stages = [
        (
            blocks if number in kept else math.ceil(depth * blocks),
            *row,
            scaled(channels, width),
        )
        for number, (blocks, *row, channels) in enumerate(EFFICIENTNET)
    ]
    stem = STEM if lite else scaled(STEM, width)
    features = inverted(x, stages, style, stem, **options)
    return {
        "stride2": features["stem"],
        **{f"stride{s}": features[f"stride{s}"] for s in (4, 8, 16, 32)},
    }


def mobilenet_v2(x, **options):
    """As in torchvision: normalised pixels (N, H, W, 3) -> features, "stride2" to "stride32"."""
    style = Style(TORCHVISION)
    features = inverted(x, MOBILENET, style, STEM, **options)
    last = conv(features["last"], 1280, 1, name="features.18.0")
    features["stride32"] = style.norm(last, "features.18.1")
    return {f"stride{s}": features[f"stride{s}"] for s in (2, 4, 8, 16, 32)}
