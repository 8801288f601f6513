"""U-Net (Ronneberger et al. 2015, arXiv 1505.04597): plain, with an encoder, or a slim one."""

import re

from keras import layers

from tfseg.encoders import ENCODERS, encode, skip
from tfseg.errors import UserError
from tfseg.layers.blocks import bn_relu, conv, transposed_conv
from tfseg.layers.pooling import PixelShuffle
from tfseg.layers.resize import FitLike, ResizeLike
from tfseg.models.smp import DECODER, block, center, check_attention, head, scse, two_convs, without
from tfseg.models.smp import KEYS as SMP_KEYS

WIDTHS = (64, 128, 256, 512, 1024)
DEPTHS = (3, 4, 5)
SLIM = (128, 96, 64, 48)  # at strides 16, 8, 4 and 2


def _without_idle(state):
    """Leaves out the last block's first attention, which smp makes and never calls."""
    blocks = [int(match[1]) for key in state if (match := BLOCK.match(key))]
    return without(rf"decoder\.blocks\.{max(blocks, default=0)}\.attention1\.")(state)


BLOCK = re.compile(r"decoder\.blocks\.(\d+)\.")
KEYS = (*SMP_KEYS, _without_idle)


def unet(
    pixels,
    x,
    num_classes,
    *,
    encoder=None,
    encoder_depth=5,
    decoder_channels=None,
    decoder_attention=None,
):
    """Figure 1 of the paper, same-padded and batch-normalised; with `encoder`, smp's `Unet`.

    Args:
        encoder_depth: how many times the encoder halves the image's sides, 3 to 5.
        decoder_channels: of the decoder's blocks, as many; the first of smp's where None.
        decoder_attention: "scse" or None.
    """
    _check_decoder(encoder, encoder_depth, decoder_channels, decoder_attention)
    if encoder:
        channels = decoder_channels or DECODER[:encoder_depth]
        return _unet_on_encoder(
            pixels, x, num_classes, encoder, encoder_depth, channels, decoder_attention
        )
    return _plain_unet(x, num_classes)


def _double_conv(x, filters, name):
    for i in (1, 2):
        x = bn_relu(conv(x, filters, 3, init="he", name=f"{name}_conv{i}"), name=f"{name}_bn{i}")
    return x


def _plain_unet(x, num_classes):
    skips = []
    for level, filters in enumerate(WIDTHS, 1):
        x = _double_conv(x, filters, f"down{level}")
        skips.append(x)
        if level < len(WIDTHS):
            x = layers.MaxPooling2D(2, padding="same")(x)  # a last odd row stays, to be seen
    for level in range(len(WIDTHS) - 1, 0, -1):
        skip, filters = skips[level - 1], WIDTHS[level - 1]
        x = transposed_conv(x, filters, 2, like=skip, bias=True, name=f"up{level}_transpose")
        x = _double_conv(layers.Concatenate()([skip, x]), filters, f"up{level}")
    return conv(x, num_classes, 1, bias=True, init="torch", name="score")


def _check_decoder(encoder, encoder_depth, decoder_channels, decoder_attention):
    """Raises `UserError` for options of smp's decoder that are off."""
    given = (encoder_depth != 5, decoder_channels, decoder_attention)
    if not encoder and any(given):
        names = ("encoder_depth", "decoder_channels", "decoder_attention")
        name = next(name for name, value in zip(names, given, strict=True) if value)
        raise UserError(f"--{name}: unet needs an encoder for that; give --encoder, too")
    check_attention(decoder_attention)
    if encoder_depth not in DEPTHS:
        raise UserError(f"--encoder_depth={encoder_depth}: choose one of 3, 4, 5")
    if decoder_channels is None:
        return
    if min(decoder_channels, default=0) < 1 or len(decoder_channels) != encoder_depth:
        raise UserError(
            f"--decoder_channels={','.join(map(str, decoder_channels))}: wanted {encoder_depth} "
            f"numbers above zero, as many as --encoder_depth"
        )


def _unet_on_encoder(pixels, x, num_classes, encoder, depth, channels, attention):
    f = encode(encoder, x)
    x = center(skip(f, 1 << depth), encoder)
    for i, filters in enumerate(channels[:-1]):
        stride, name = 1 << (depth - 1 - i), f"decoder.blocks.{i}"
        joined = [skip(f, stride)] if f"stride{stride}" in f else []
        if not joined:  # at stride 2 alone, of which a Mix Transformer has no map
            x = ResizeLike("nearest")(x, layers.AveragePooling2D(2)(pixels))
            x = scse(x, f"{name}.attention1.attention") if attention else x
        x = block(x, joined, filters, name, attention)
    x = ResizeLike("nearest")(x, pixels)  # no skip at full resolution
    x = block(x, [], channels[-1], f"decoder.blocks.{depth - 1}", attention)
    return head(x, num_classes, 3)


def unet_subpixel(pixels, x, num_classes, *, encoder="efficientnet_lite0"):
    """A slim U-Net for a light encoder: nothing but the classes' scores at full resolution.

    Each level reduces its input and its skip to the same number of channels before it joins them.
    The last one is at stride 2 and gives four scores a class, the class's four pixels (sub-pixel
    convolution, Shi et al. 2016, arXiv 1609.05158, section 3.2).
    """
    f = encode(encoder, x)
    x = skip(f, 32)
    for filters, stride in zip(SLIM, (16, 8, 4, 2), strict=True):
        name, joined = f"decoder.stride{stride}", skip(f, stride)
        x, joined = (
            bn_relu(
                conv(part, filters, 1, init="he", name=f"{name}.{kind}"), name=f"{name}.{kind}_bn"
            )
            for kind, part in (("reduce", x), ("skip", joined))
        )
        x = layers.Concatenate()([ResizeLike("nearest")(x, joined), joined])
        x = two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"))
    x = conv(x, 4 * num_classes, 3, bias=True, init="torch", name="classifier")
    # A VGG's pools drop an odd last row, which is stretched over here; other encoders round up.
    fit = ResizeLike("nearest") if ENCODERS[encoder].center else FitLike()
    return fit(PixelShuffle(2)(x), pixels)
