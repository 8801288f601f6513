"""U-Net++ (Zhou et al. 2018, arXiv 1807.10165), smp's `UnetPlusPlus`."""

from tfseg.encoders import encode, skip
from tfseg.layers.resize import ResizeLike
from tfseg.models.smp import DECODER, block, check_attention, head, without
from tfseg.models.smp import KEYS as SMP_KEYS

# smp makes a centre behind a VGG and gates before the last block, and calls neither.
KEYS = (*SMP_KEYS, without(r"decoder\.(center|blocks\.x_0_4\.attention1)\."))


def unetplusplus(pixels, x, num_classes, *, encoder="resnet34", decoder_attention=None):
    """Figure 1a of the paper, without deep supervision.

    Node x_i_j is at the stride of skip j, and joins it and all nodes of that stride before it;
    x_0_j lead to the output and have the decoder's channels, the others those of their skip.
    """
    check_attention(decoder_attention)
    f = encode(encoder, x)
    skips = [skip(f, stride) for stride in (32, 16, 8, 4, 2)]
    nodes = {(i, i - 1): skips[i] for i in range(len(skips) - 1)}  # what each diagonal starts from
    for step in range(4):
        for i in range(4 - step):
            j = i + step
            filters = DECODER[j] if i == 0 else skips[j + 1].shape[-1]
            joined = [*(nodes[k, j] for k in range(i + 1, j + 1)), skips[j + 1]]
            name = f"decoder.blocks.x_{i}_{j}"
            nodes[i, j] = block(nodes[i, j - 1], joined, filters, name, decoder_attention)
    x = ResizeLike("nearest")(nodes[0, 3], pixels)  # no skip at full resolution
    x = block(x, [], DECODER[-1], "decoder.blocks.x_0_4", decoder_attention)
    return head(x, num_classes, 3)
