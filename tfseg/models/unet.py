"""U-Net (Ronneberger et al. 2015, arXiv 1505.04597): plain, on an encoder, or slim."""

from keras import layers

from tfseg.encoders import ENCODERS, encode, skip
from tfseg.errors import UserError
from tfseg.layers.blocks import bn_relu, conv, transposed_conv
from tfseg.layers.pooling import PixelShuffle
from tfseg.layers.resize import FitLike, ResizeLike
from tfseg.models import smp

WIDTHS = (64, 128, 256, 512, 1024)
SLIM = (128, 96, 64, 48)  # at strides 16, 8, 4 and 2


KEYS = (*smp.KEYS, smp.without_idle)
ON_ENCODER = {  # options that need an encoder, and their defaults
    "encoder_depth": 5,
    "decoder_channels": None,
    "decoder_attention": None,
    "decoder_interpolation": "nearest",
    "decoder_use_norm": True,
}


def unet(
    pixels,
    x,
    num_classes,
    *,
    encoder=None,
    encoder_depth=5,
    decoder_channels=None,
    decoder_attention=None,
    decoder_interpolation="nearest",
    decoder_use_norm=True,
):
    """Figure 1 of the paper, same-padded and batch-normalised; with `encoder`, smp's `Unet`.

    Args:
        encoder_depth: how many times the encoder halves the image's sides, 3 to 5.
        decoder_channels: channels of the `encoder_depth` decoder blocks; None takes smp's.
        decoder_attention: "scse" or None.
        decoder_interpolation: how the decoder enlarges its maps: "nearest" or "bilinear".
        decoder_use_norm: batch normalisation in the decoder.
    """
    options = (
        encoder_depth, decoder_channels, decoder_attention, decoder_interpolation, decoder_use_norm
    )  # fmt: skip
    if not encoder:
        _check_plain(options)
        return _plain_unet(x, num_classes)
    channels = smp.widths(decoder_channels, encoder_depth)
    style = smp.style(decoder_attention, decoder_interpolation, decoder_use_norm)
    return _unet_on_encoder(pixels, x, num_classes, encoder, channels, style)


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
            x = layers.MaxPooling2D(2, padding="same")(x)  # keeps a last odd row
    for level in range(len(WIDTHS) - 1, 0, -1):
        skip, filters = skips[level - 1], WIDTHS[level - 1]
        x = transposed_conv(x, filters, 2, like=skip, bias=True, name=f"up{level}_transpose")
        x = _double_conv(layers.Concatenate()([skip, x]), filters, f"up{level}")
    return conv(x, num_classes, 1, bias=True, init="torch", name="score")


def _check_plain(options):
    """Raises `UserError` for options of smp's decoder without an encoder."""
    for (name, default), value in zip(ON_ENCODER.items(), options, strict=True):
        if value != default:
            raise UserError(f"--{name}: unet needs an encoder for that; give --encoder")


def _unet_on_encoder(pixels, x, num_classes, encoder, channels, style):
    f, depth, interpolation = encode(encoder, x), len(channels), style["interpolation"]
    x = smp.center(skip(f, 1 << depth), encoder, style["norm"])
    for i, filters in enumerate(channels[:-1]):
        stride, name = 1 << (depth - 1 - i), f"decoder.blocks.{i}"
        joined = [skip(f, stride)] if f"stride{stride}" in f else []
        if not joined:  # only at stride 2, where a Mix Transformer has no map
            x = ResizeLike(interpolation)(x, layers.AveragePooling2D(2)(pixels))
            x = smp.scse(x, f"{name}.attention1.attention") if style["attention"] else x
        x = smp.block(x, joined, filters, name, **style)
    x = ResizeLike(interpolation)(x, pixels)  # no skip at full resolution
    x = smp.block(x, [], channels[-1], f"decoder.blocks.{depth - 1}", **style)
    return smp.head(x, num_classes, 3)


def unet_subpixel(pixels, x, num_classes, *, encoder="efficientnet_lite0"):
    """A slim U-Net for a light encoder, with nothing but the logits at full resolution.

    Each level reduces its input and its skip to the same number of channels, then joins them.
    The last level, at stride 2, gives four logits a class, which become four pixels (sub-pixel
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
        x = smp.two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"))
    x = conv(x, 4 * num_classes, 3, bias=True, init="torch", name="classifier")
    # A VGG's pools drop an odd last row, so stretch the logits; other encoders round up.
    fit = ResizeLike("nearest") if ENCODERS[encoder].center else FitLike()
    return fit(PixelShuffle(2)(x), pixels)
