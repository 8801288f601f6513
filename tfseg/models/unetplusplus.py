"""U-Net++ (Zhou et al. 2018, arXiv 1807.10165), smp's `UnetPlusPlus`."""

from tfseg.encoders import encode, skip
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

# smp creates a centre after a VGG and gates before the last block, but calls neither.
KEYS = (*smp.KEYS, smp.without(r"decoder\.center\."), smp.without_idle)


def unetplusplus(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    encoder_depth=5,
    decoder_channels=None,
    decoder_attention=None,
    decoder_interpolation="nearest",
    decoder_use_norm=True,
):
    """Figure 1a of the paper, without deep supervision.

    Node x_i_j has the stride of skip j and joins that skip and all earlier nodes of that stride.
    Nodes x_0_j lead to the output and have the decoder's channels; others have their skip's.
    The options are as in `unet`.
    """
    channels = smp.widths(decoder_channels, encoder_depth)
    style = smp.style(decoder_attention, decoder_interpolation, decoder_use_norm)
    f, last = encode(encoder, x), encoder_depth - 1
    skips = [skip(f, 1 << level) for level in range(encoder_depth, 0, -1)]
    nodes = {(i, i - 1): skips[i] for i in range(len(skips) - 1)}  # start of each diagonal
    for step in range(last):
        for i in range(last - step):
            j = i + step
            filters = channels[j] if i == 0 else skips[j + 1].shape[-1]
            joined = [*(nodes[k, j] for k in range(i + 1, j + 1)), skips[j + 1]]
            name = f"decoder.blocks.x_{i}_{j}"
            nodes[i, j] = smp.block(nodes[i, j - 1], joined, filters, name, **style)
    x = ResizeLike(decoder_interpolation)(nodes[0, last - 1], pixels)  # no skip at full resolution
    x = smp.block(x, [], channels[-1], f"decoder.blocks.x_0_{last}", **style)
    return smp.head(x, num_classes, 3)
