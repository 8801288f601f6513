"""Dense prediction transformer (Ranftl et al. 2021, arXiv 2103.13413), smp's `DPT`."""

from keras import layers

from tfseg.encoders import encode
from tfseg.encoders.mit import linear
from tfseg.encoders.vit import KEYS as VIT_KEYS
from tfseg.errors import UserError
from tfseg.layers.blocks import batch_norm, bn_relu, conv, transposed_conv
from tfseg.layers.gelu import Gelu
from tfseg.layers.resize import FitLike, ResizeLike, Upsample
from tfseg.layers.tokens import Readout

KEYS = ((r"^encoder\.(model\.)?", ""), *VIT_KEYS)
READOUTS = ("cat", "add", "ignore")
WIDTHS = (256, 512, 1024, 1024)  # at strides 4, 8, 16, 32
FUSION = 256


def _reassembled(x, level):
    """A map at stride 16 -> a map at stride 4, 8, 16 or 32 (section 3.2, `Resample`)."""
    name, width = f"decoder.reassemble_blocks.{level}", WIDTHS[level]
    x = conv(x, width, 1, bias=True, init="he", name=f"{name}.project_to_out_channel")
    if level < 2:
        factor, how = 4 >> level, {"bias": True, "name": f"{name}.upsample"}
        x = transposed_conv(x, width, factor, stride=factor, **how)
    elif level == 3:
        x = conv(x, width, 3, stride=2, bias=True, init="he", name=f"{name}.upsample")
    return conv(x, FUSION, 3, init="he", name=f"{name}.project_to_feature_dim")


def _residual(x, name):
    y = x
    for i in (1, 2):
        y = conv(layers.ReLU()(y), FUSION, 3, init="he", name=f"{name}.conv_{i}")
        y = batch_norm(y, name=f"{name}.batch_norm_{i}")
    return layers.Add()([x, y])


def _fused(x, coarser, enlarge, name):
    """Adds the coarser levels to a level and enlarges the sum (figure 1, right)."""
    x = _residual(x, f"{name}.residual_conv_block1")
    x = x if coarser is None else layers.Add()([x, coarser])
    x = enlarge(_residual(x, f"{name}.residual_conv_block2"))
    return conv(x, FUSION, 1, bias=True, init="he", name=f"{name}.project")


def dpt(pixels, x, num_classes, *, encoder="vit_base_patch16_224", decoder_readout="cat"):
    """Figure 1 of the paper: turns the tokens of four blocks into maps and fuses them.

    Args:
        decoder_readout: how to use the tokens of the whole image: "cat" (join them to every
            position), "add" or "ignore".
    """
    if decoder_readout not in READOUTS:
        raise UserError(f"decoder_readout={decoder_readout}: choose cat, add or ignore")
    f, levels = encode(encoder, x), []
    for level in range(4):
        tokens = f["tokens"][(level + 1) * len(f["tokens"]) // 4 - 1]
        y = Readout(f["prefix"], decoder_readout)(tokens, f["patches"])
        if decoder_readout == "cat":
            name = f"decoder.projection_blocks.{level}.project.0"
            y = Gelu()(linear(y, y.shape[-1] // 2, name))
        levels.append(_reassembled(y, level))
    x = None
    for i in range(4):
        level = levels.pop()
        finer = levels[-1] if levels else None
        enlarge = _to(finer) if levels else Upsample(2, "aligned")
        x = _fused(level, x, enlarge, f"decoder.fusion_blocks.{i}")
    x = conv(x, FUSION, 3, init="he", name="segmentation_head.head.0")
    x = layers.Dropout(0.1)(bn_relu(x, name="segmentation_head.head.1"))
    x = conv(x, num_classes, 1, bias=True, init="torch", name="segmentation_head.head.4")
    return FitLike()(Upsample(2, "aligned", dtype="float32")(x), pixels)


def _to(like):
    return lambda x: ResizeLike("aligned")(x, like)
