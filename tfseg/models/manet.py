"""MA-Net (Fan et al. 2020, IEEE Access 8, 179656), smp's `MAnet`."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.attention import PositionAttention
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

ATTENTION = 64  # channels in which positions are compared


def _position_attention(x):
    """Every position attends to all others by similarity (section III-B)."""
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


def _fusion(x, skip, filters, name, interpolation, norm):
    """Weights channels by the sum of the gates of `x` and of the skip (section III-C)."""
    x = smp.conv_bn_relu(x, x.shape[-1], 3, f"{name}.hl_conv.0", norm)
    x = smp.conv_bn_relu(x, skip.shape[-1], 1, f"{name}.hl_conv.1", norm)
    x, narrow = ResizeLike(interpolation)(x, skip), max(1, skip.shape[-1] // 16)
    gates = [
        smp.channel_gate(y, narrow, f"{name}.{part}") for y, part in ((x, "SE_hl"), (skip, "SE_ll"))
    ]
    x = layers.Multiply()([x, layers.Add()(gates)])
    x = layers.Concatenate()([x, skip])
    return smp.two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"), norm)


def manet(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    encoder_depth=5,
    decoder_channels=None,
    decoder_interpolation="nearest",
    decoder_use_norm=True,
):
    """Figure 1 of the paper. The options are as in `unet`."""
    *channels, last = smp.widths(decoder_channels, encoder_depth)
    style = {"interpolation": decoder_interpolation, "norm": decoder_use_norm}
    smp.check_interpolation(decoder_interpolation)
    f = encode(encoder, x)
    x = _position_attention(skip(f, 1 << encoder_depth))
    for i, filters in enumerate(channels):
        joined = skip(f, 1 << (encoder_depth - 1 - i))
        x = _fusion(x, joined, filters, f"decoder.blocks.{i}", **style)
    x = ResizeLike(decoder_interpolation)(x, pixels)  # no skip at full resolution
    x = smp.block(x, [], last, f"decoder.blocks.{encoder_depth - 1}", **style)
    return smp.head(x, num_classes, 3)
