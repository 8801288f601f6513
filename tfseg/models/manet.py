"""MA-Net (Fan et al. 2020, IEEE Access 8, 179656), smp's `MAnet`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.attention import PositionAttention
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike
from tfseg.models.smp import DECODER, block, channel_gate, conv_bn_relu, head, two_convs

ATTENTION = 64  # channels in which places are compared


def _position_attention(x):
    """Every place sees every other one, by how alike they are (section III-B)."""
    top, centre, bottom = (
        conv(x, filters, kernel, bias=True, init="he", name=f"decoder.center.{part}_conv")
        for part, filters, kernel in (
            ("top", ATTENTION, 1),
            ("center", ATTENTION, 1),
            ("bottom", x.shape[-1], 3),
        )
    )
    x = layers.Add()([x, PositionAttention()(top, centre, bottom)])
    return conv(x, x.shape[-1], 3, bias=True, init="he", name="decoder.center.out_conv")


def _fusion(x, skip, filters, name):
    """Channels are weighted by the gates of `x` and of the skip together (section III-C)."""
    x = conv_bn_relu(x, x.shape[-1], 3, f"{name}.hl_conv.0")
    x = conv_bn_relu(x, skip.shape[-1], 1, f"{name}.hl_conv.1")
    x, narrow = ResizeLike("nearest")(x, skip), max(1, skip.shape[-1] // 16)
    gates = (channel_gate(x, narrow, f"{name}.SE_hl"), channel_gate(skip, narrow, f"{name}.SE_ll"))
    x = layers.Multiply()([x, layers.Add()(gates)])
    x = layers.Concatenate()([x, skip])
    return two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"))


def manet(pixels, x, num_classes, *, encoder="resnet34"):
    """Figure 1 of the paper."""
    f = encode(encoder, x)
    x = _position_attention(skip(f, 32))
    for i, (filters, stride) in enumerate(zip(DECODER, (16, 8, 4, 2), strict=False)):
        x = _fusion(x, skip(f, stride), filters, f"decoder.blocks.{i}")
    x = ResizeLike("nearest")(x, pixels)  # no skip at full resolution
    return head(block(x, [], DECODER[-1], "decoder.blocks.4"), num_classes, 3)
