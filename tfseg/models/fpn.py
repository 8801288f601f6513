"""Feature pyramid for segmentation (Kirillov et al. 2019, arXiv 1901.02446), smp's `FPN`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.errors import UserError
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike
from tfseg.models.smp import check_interpolation, enlarged_head

PYRAMID, SEGMENTATION, GROUPS = 256, 128, 32
MERGES = {"add": layers.Add, "cat": layers.Concatenate}


def _pyramid(f, interpolation):
    """Levels from stride 32 to 4: each adds the encoder's feature to the enlarged level above.

    Source: Lin et al. 2016, arXiv 1612.03144, figure 3.
    """
    levels = [conv(skip(f, 32), PYRAMID, 1, bias=True, init="he", name="decoder.p5")]
    for level, stride in ((4, 16), (3, 8), (2, 4)):
        name = f"decoder.p{level}.skip_conv"
        lateral = conv(skip(f, stride), PYRAMID, 1, bias=True, init="he", name=name)
        levels.append(layers.Add()([ResizeLike(interpolation)(levels[-1], lateral), lateral]))
    return levels


def _semantic(levels, name):
    """Brings a level to stride 4: 3×3, group normalisation, ReLU and ×2 for each level below."""
    x, *below = levels
    for i, like in enumerate(below or [None]):
        x = conv(x, SEGMENTATION, 3, init="he", name=f"{name}.block.{i}.block.0")
        x = layers.GroupNormalization(GROUPS, epsilon=1e-5, name=f"{name}.block.{i}.block.1")(x)
        x = layers.ReLU()(x)
        x = ResizeLike("aligned")(x, like) if below else x
    return x


def fpn(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    merge_policy="add",
    decoder_interpolation="nearest",
):
    """Figure 3 of the paper: sums the levels' maps at stride 4.

    Args:
        merge_policy: "add" sums the maps, "cat" concatenates them.
        decoder_interpolation: how to enlarge a level to the next: "nearest" or "bilinear".
    """
    if merge_policy not in MERGES:
        raise UserError(f"merge_policy={merge_policy}: choose add or cat")
    check_interpolation(decoder_interpolation)
    levels = _pyramid(encode(encoder, x), decoder_interpolation)
    maps = [_semantic(levels[i:], f"decoder.seg_blocks.{i}") for i in range(len(levels))]
    x = layers.SpatialDropout2D(0.2)(MERGES[merge_policy]()(maps))
    return enlarged_head(x, pixels, num_classes, 1)
