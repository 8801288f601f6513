"""FCN (Long et al. 2015, arXiv 1411.4038): the authors' 32s, 16s and 8s, and torchvision's."""

import re

from keras import layers

from tfseg.encoders import ENCODERS, encode
from tfseg.layers.bilinear import BilinearKernel
from tfseg.layers.blocks import bn_relu, conv, transposed_conv
from tfseg.layers.resize import FitLike, ResizeLike


def _one_numbering(mapping):
    """Renumbers `features3`, `features4`, `features5` as torchvision's single `features`."""
    offsets, start = {}, 0
    for part in ("features3", "features4", "features5"):
        numbers = [int(m[1]) for key in mapping if (m := re.match(rf"{part}\.(\d+)\.", key))]
        offsets[part] = start
        if numbers:
            start += max(numbers) + 3  # a ReLU and a pool follow a part's last weights

    def joined(key):
        match = re.match(r"(features[345])\.(\d+)\.", key)
        if not match:
            return key
        return f"features.{int(match[2]) + offsets[match[1]]}.{key[match.end() :]}"

    return {joined(key): array for key, array in mapping.items()}


KEYS = (
    _one_numbering,
    (r"^(pre_logits\.fc1|classifier\.0)\.", "score_fr.0."),  # an ImageNet classifier's layers
    (r"^(pre_logits\.fc2|classifier\.3)\.", "score_fr.3."),
)
TORCHVISION_KEYS = ((r"^backbone\.", ""),)


def _upscore(x, factor, name):
    return transposed_conv(
        x, x.shape[-1], 2 * factor, stride=factor, init=BilinearKernel(), name=name
    )


def _vgg_score(x, filters, scale, name):
    """1×1 logits; `scale` keeps shallow ones small (the authors' at-once training)."""
    x = layers.Rescaling(scale)(x) if scale else x
    # In bfloat16 on a CPU, TensorFlow 2.21's gradient of 4096 -> 11 channels overruns its memory.
    return conv(x, filters, 1, bias=True, init="zeros", dtype="float32", name=name)


def _fcn_vgg(pixels, x, classes, encoder, last):
    """Pads by 100, so that every size fits; `last` is the stride of the final upsampling."""
    f = encode(encoder, x, padding=100, ceil=True)
    x = f["stride32"]
    for i, kernel in ((0, 7), (3, 1)):
        x = conv(x, 4096, kernel, padding=0, bias=True, init="he", name=f"score_fr.{i}")
        x = layers.Dropout(0.5)(layers.ReLU()(x))
    x = _vgg_score(x, classes, None, "score_fr.6")
    if last == 32:
        return FitLike(19)(_upscore(x, 32, "upscore"), pixels)
    x = _upscore(x, 2, "upscore2")
    x = layers.Add()([x, FitLike(5)(_vgg_score(f["pool4"], classes, 0.01, "score_pool4"), x)])
    if last == 16:
        return FitLike(27)(_upscore(x, 16, "upscore16"), pixels)
    x = _upscore(x, 2, "upscore_pool4")
    x = layers.Add()([x, FitLike(9)(_vgg_score(f["pool3"], classes, 0.0001, "score_pool3"), x)])
    return FitLike(31)(_upscore(x, 8, "upscore8"), pixels)


def _fcn_skips(pixels, x, classes, encoder, last, output_stride):
    """Sums resized 1×1 logits at strides 32, 16 and 8; for encoders that pad themselves."""
    f = encode(encoder, x, output_stride=output_stride)
    dense = ENCODERS[encoder].preactivated

    def score(level):
        x, name = f[f"stride{1 << level}"], f"score{level}"
        if dense and level < 5:  # dense blocks output maps before normalisation
            x = bn_relu(x, name=f"{name}.0")
        index = (".1" if level == 5 else ".2") if dense else ""
        return conv(x, classes, 1, bias=True, init="he", name=f"{name}{index}")

    x = score(5)
    for level in {32: (), 16: (4,), 8: (4, 3)}[last]:
        finer = score(level)
        x = layers.Add()([finer, ResizeLike("aligned")(x, finer)])
    return ResizeLike("aligned", dtype="float32")(x, pixels)


def _fcn(pixels, x, classes, encoder, last, output_stride):
    if ENCODERS[encoder].family == "vgg" and output_stride == 32:
        return _fcn_vgg(pixels, x, classes, encoder, last)
    return _fcn_skips(pixels, x, classes, encoder, last, output_stride)


def fcn32s(pixels, x, num_classes, *, encoder="vgg16", output_stride=32):
    """FCN-32s: logits of the last layer, upsampled 32 times."""
    return _fcn(pixels, x, num_classes, encoder, 32, output_stride)


def fcn16s(pixels, x, num_classes, *, encoder="vgg16", output_stride=32):
    """FCN-16s: also sums the logits at stride 16."""
    return _fcn(pixels, x, num_classes, encoder, 16, output_stride)


def fcn8s(pixels, x, num_classes, *, encoder="vgg16", output_stride=32):
    """FCN-8s: also sums the logits at strides 16 and 8 (figure 3 of the paper)."""
    return _fcn(pixels, x, num_classes, encoder, 8, output_stride)


def fcn_head(x, pixels, num_classes, name):
    """torchvision's main and auxiliary head: 3×3 to a quarter, dropout, 1×1, resizing."""
    x = conv(x, x.shape[-1] // 4, 3, init="torch", name=f"{name}.0")
    x = layers.Dropout(0.1)(bn_relu(x, name=f"{name}.1"))
    x = conv(x, num_classes, 1, bias=True, init="torch", name=f"{name}.4")
    return ResizeLike("bilinear", dtype="float32")(x, pixels)


def fcn(pixels, x, num_classes, *, encoder="resnet50", output_stride=8, aux=False):
    """torchvision's `fcn_resnet50` and `fcn_resnet101`."""
    f = encode(encoder, x, output_stride=output_stride)
    logits = fcn_head(f["stride32"], pixels, num_classes, "classifier")
    if not aux:
        return logits
    return {
        "logits": logits,
        "aux": fcn_head(f["stride16"], pixels, num_classes, "aux_classifier"),
    }
