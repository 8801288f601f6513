"""Feature pyramid for segmentation (Kirillov et al. 2019, arXiv 1901.02446), smp's `FPN`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike
from tfseg.models.smp import enlarged_head

PYRAMID, SEGMENTATION, GROUPS = 256, 128, 32


def _pyramid(f):
    """Each level is the one above, enlarged, and the encoder's feature in as many channels.

    Lin et al. 2016, arXiv 1612.03144, figure 3. From stride 32 to 4.
    """
    levels = [conv(skip(f, 32), PYRAMID, 1, bias=True, init="he", name="decoder.p5")]
    for level, stride in ((4, 16), (3, 8), (2, 4)):
        name = f"decoder.p{level}.skip_conv"
        lateral = conv(skip(f, stride), PYRAMID, 1, bias=True, init="he", name=name)
        levels.append(layers.Add()([ResizeLike("nearest")(levels[-1], lateral), lateral]))
    return levels


def _semantic(levels, name):
    """A level to stride 4: 3×3, group normalisation, ReLU and ×2, once for each level below."""
    x, *below = levels
    for i, like in enumerate(below or [None]):
        x = conv(x, SEGMENTATION, 3, init="he", name=f"{name}.block.{i}.block.0")
        x = layers.GroupNormalization(GROUPS, epsilon=1e-5, name=f"{name}.block.{i}.block.1")(x)
        x = layers.ReLU()(x)
        x = ResizeLike("aligned")(x, like) if below else x
    return x


def fpn(pixels, x, num_classes, *, encoder="resnet34"):
    """Figure 3 of the paper: the levels' maps at stride 4 are summed."""
    levels = _pyramid(encode(encoder, x))
    maps = [_semantic(levels[i:], f"decoder.seg_blocks.{i}") for i in range(len(levels))]
    x = layers.SpatialDropout2D(0.2)(layers.Add()(maps))
    return enlarged_head(x, pixels, num_classes, 1)
