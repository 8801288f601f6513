"""ConvNeXt encoders (Liu et al. 2022, arXiv 2201.03545) with timm's layout and names.

segmentation_models.pytorch (smp) uses these; the encoders from Keras pad differently and have other
skip layers. Layers are named as in timm's `features_only` models.
"""

import re

from keras import initializers, layers

from tfseg.encoders.mit import GROWTH, linear
from tfseg.layers.blocks import conv, depthwise
from tfseg.layers.gelu import Gelu
from tfseg.layers.scale import Scale

EPSILON = 1e-6
BLOCK = re.compile(r"stages\.\d\.blocks\.\d+\.conv_dw\.")
HEAD = re.compile(r"(norm_pre|head)\.")


def _as_features(mapping):
    """Renames the keys of timm's classifier to those of its `features_only` model."""
    if not any(BLOCK.match(key) for key in mapping):
        return mapping
    return {
        re.sub(r"^(stem|stages)\.(\d)\.", r"\1_\2.", key): array
        for key, array in mapping.items()
        if not HEAD.match(key)
    }


KEYS = (_as_features, (r"^(stages_\d\.blocks\.\d+)\.gamma$", r"\1.scale.weight"))


def _norm(x, name):
    return layers.LayerNormalization(epsilon=EPSILON, name=name)(x)


def _reduced(x, filters, stride, name):
    """A convolution of adjacent patches; rows and columns that fill no patch are dropped."""
    start = initializers.TruncatedNormal(stddev=0.02)
    return conv(x, filters, stride, stride=stride, padding=0, bias=True, init=start, name=name)


def _block(x, name):
    """7×7 depthwise, a perceptron at each position, a scale (figure 4)."""
    y = _norm(depthwise(x, 7, bias=True, name=f"{name}.conv_dw"), f"{name}.norm")
    y = Gelu()(linear(y, GROWTH * x.shape[-1], f"{name}.mlp.fc1"))
    y = linear(y, x.shape[-1], f"{name}.mlp.fc2")
    return layers.Add()([x, Scale(name=f"{name}.scale")(y)])


def convnext(x, depths, widths):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride4" to "stride32".

    There is none at stride 2: the first convolution goes to stride 4.

    Args:
        depths, widths: blocks and channels of the four stages.
    """
    features, x = {}, _norm(_reduced(x, widths[0], 4, "stem_0"), "stem_1")
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            name = f"stages_{stage}.downsample"
            x = _reduced(_norm(x, f"{name}.0"), width, 2, f"{name}.1")
        for i in range(depth):
            x = _block(x, f"stages_{stage}.blocks.{i}")
        features[f"stride{4 << stage}"] = x
    return features
