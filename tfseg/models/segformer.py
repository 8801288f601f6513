"""SegFormer (Xie et al. 2021, arXiv 2105.15203), with the names of Hugging Face's files."""

import re

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.encoders.mit import linear
from tfseg.encoders.spellings import SPELLINGS
from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

STAGE = re.compile(r"^decoder\.mlp_stage\.(\d+)\.linear\.")


def _finest_first(mapping):
    """Renumbers smp's projections, which count from the coarsest map, from the finest."""
    last = max((int(m[1]) for key in mapping if (m := STAGE.match(key))), default=0)

    def counted(match):
        return f"decode_head.linear_c.{last - int(match[1])}.proj."

    return {STAGE.sub(counted, key): array for key, array in mapping.items()}


def _without_spare(mapping):
    """Removes a layer that the authors' head never uses."""
    return {k: v for k, v in mapping.items() if not k.startswith("decode_head.conv_seg.")}


HEAD = (
    _finest_first,  # segmentation_models.pytorch
    (r"^decoder\.fuse_stage\.0\.", "decode_head.linear_fuse."),
    (r"^decoder\.fuse_stage\.1\.", "decode_head.batch_norm."),
    (r"^segmentation_head\.0\.", "decode_head.classifier."),
    (r"^decode_head\.linear_projections\.", "decode_head.linear_c."),  # transformers 5
    _without_spare,  # the authors'
    (r"^decode_head\.linear_c([1-4])\.", lambda m: f"decode_head.linear_c.{int(m[1]) - 1}."),
    (r"^decode_head\.linear_fuse\.conv\.", "decode_head.linear_fuse."),
    (r"^decode_head\.linear_fuse\.bn\.", "decode_head.batch_norm."),
    (r"^decode_head\.linear_pred\.", "decode_head.classifier."),
)
ENCODER = r"^(segformer\.encoder|segformer|encoder\.model|encoder|backbone)\."
KEYS = ((ENCODER, ""), *SPELLINGS, *HEAD)

WIDE = dict.fromkeys(("mit_b2", "mit_b3", "mit_b4", "mit_b5"), 768)  # table 6
WIDTH = 256  # elsewhere


def _fused(maps, like, width):
    """Projects maps, finest first, to `width` channels, resizes them to `like` and fuses them."""
    projected = [
        ResizeLike()(linear(x, width, f"decode_head.linear_c.{i}.proj"), like)
        for i, x in enumerate(maps)
    ]
    x = layers.Concatenate()(projected[::-1])
    x = conv(x, width, 1, init="he", name="decode_head.linear_fuse")
    return bn_relu(x, name="decode_head.batch_norm")


def _scores(x, num_classes):
    return conv(x, num_classes, 1, bias=True, init="torch", name="decode_head.classifier")


def segformer(pixels, x, num_classes, *, encoder="mit_b0"):
    """Figure 2 of the paper: an encoder and a decoder of linear layers on its four maps."""
    f = encode(encoder, x)
    maps = [skip(f, stride) for stride in (4, 8, 16, 32)]
    x = _fused(maps, f["stride4"], WIDE.get(encoder, WIDTH))
    x = _scores(layers.Dropout(0.1)(x), num_classes)
    return ResizeLike(dtype="float32")(x, pixels)


def segformer_smp(
    pixels, x, num_classes, *, encoder="resnet34", encoder_depth=5, decoder_channels=WIDTH
):
    """smp's `Segformer`: the same width on every encoder, and a map at stride 2 if there is one.

    Args:
        encoder_depth: 3 to 5, the number of encoder maps, counted from the finest.
        decoder_channels: smp's `decoder_segmentation_channels`.
    """
    smp.check_depth(encoder_depth)
    f = encode(encoder, x)
    strides = [2 << level for level in range(encoder_depth)]
    maps = [skip(f, stride) for stride in strides if f"stride{stride}" in f]
    x = _scores(_fused(maps, f["stride4"], smp.width(decoder_channels)), num_classes)
    return ResizeLike("aligned", dtype="float32")(x, pixels)
