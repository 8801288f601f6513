"""Shared parts of the decoders of segmentation_models.pytorch (smp, 0.6.0)."""

import re

from keras import layers

from tfseg.encoders import ENCODERS, encode
from tfseg.encoders.spellings import SPELLINGS
from tfseg.errors import UserError
from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.resize import ResizeLike

KEYS = ((r"^encoder\.(model\.)?", ""), *SPELLINGS)  # "model." precedes an encoder from timm


def _of_one_dilation(state):
    """Refuses timm's ResNets, because timm and smp dilate different convolutions."""
    resnet = any(key.startswith("encoder.model.layer") for key in state)
    if resnet and not any(".se.fc1." in key for key in state):  # only timm has gated ones
        raise UserError(
            "its encoder is a timm ResNet (tu-... in smp), which dilates differently from smp's "
            "own ResNets; a network on one of those loads"
        )
    return state


DILATED_KEYS = (_of_one_dilation, *KEYS)

DECODER = (256, 128, 64, 32, 16)  # channels of U-Net-like decoders, from stride 16 to 1
DEPTHS = (3, 4, 5)
ATTENTIONS = (None, "scse")
INTERPOLATIONS = ("nearest", "bilinear")


def without(pattern):
    """An entry of `KEYS` that drops the keys of modules that smp creates but never calls."""
    return lambda state: {k: v for k, v in state.items() if not re.match(pattern, k)}


def without_idle(state):
    """Drops the last block's first attention, which smp creates but never calls."""
    blocks = [int(match[1]) for key in state if (match := BLOCK.match(key))]
    last = max(blocks, default=0)
    return without(rf"decoder\.blocks\.(x_0_)?{last}\.attention1\.")(state)


BLOCK = re.compile(r"decoder\.blocks\.(?:x_0_)?(\d+)\.")


def check_attention(attention):
    if attention not in ATTENTIONS:
        raise UserError(f"--decoder_attention={attention}: choose scse, or leave it out")


def style(attention, interpolation, norm):
    """Checks the options of `block` and returns them."""
    check_attention(attention)
    check_interpolation(interpolation)
    return {"attention": attention, "interpolation": interpolation, "norm": norm}


def check_interpolation(interpolation):
    if interpolation not in INTERPOLATIONS:
        raise UserError(f"decoder_interpolation={interpolation}: choose nearest or bilinear")


def check_depth(depth):
    if depth not in DEPTHS:
        raise UserError(f"--encoder_depth={depth}: choose one of 3, 4, 5")


def widths(channels, depth):
    """Channels of a decoder's `depth` blocks; None takes smp's defaults."""
    check_depth(depth)
    if channels is None:
        return DECODER[:depth]
    if min(channels, default=0) < 1 or len(channels) != depth:
        raise UserError(
            f"--decoder_channels={','.join(map(str, channels))}: wanted {depth} numbers above "
            f"zero, as many as --encoder_depth"
        )
    return channels


def width(channels):
    """Channels of a decoder with constant width; the flag gives a tuple of one."""
    numbers = (channels,) if isinstance(channels, int) else channels
    if len(numbers) != 1 or numbers[0] < 1:
        raise UserError(
            f"--decoder_channels={','.join(map(str, numbers))}: wanted one number above zero"
        )
    return numbers[0]


def dilated(encoder, x, output_stride, strides):
    """The encoder's features. Dilates every convolution of a stage that keeps its resolution,
    except the first in an encoder from timm.
    """
    if output_stride not in strides:
        names = ", ".join(map(str, strides))
        raise UserError(f"output_stride={output_stride}: choose one of {names}")
    rates = {stage: (stride // output_stride,) for stage, stride in ((3, 16), (4, 32))}
    rates = {stage: rate for stage, rate in rates.items() if rate[0] > 1}
    rates = {} if ENCODERS[encoder].timm else rates
    options = {"dilations": rates} if rates else {}
    return encode(encoder, x, output_stride=output_stride, **options)


def conv_bn_relu(x, filters, kernel, name, norm=True):
    """smp's `Conv2dReLU`: "0" is the convolution, "1" its batch normalisation.

    Without `norm` the convolution has a bias.
    """
    x = conv(x, filters, kernel, bias=not norm, init="he", name=f"{name}.0")
    return bn_relu(x, name=f"{name}.1") if norm else layers.ReLU()(x)


def two_convs(x, filters, names, norm=True):
    for name in names:
        x = conv_bn_relu(x, filters, 3, name, norm)
    return x


def center(x, encoder, norm=True):
    """Two convolutions after an encoder that ends in a pool; otherwise `x`."""
    if not ENCODERS[encoder].center:
        return x
    return two_convs(x, x.shape[-1], ("decoder.center.0", "decoder.center.1"), norm)


def channel_gate(x, narrow, name):
    """A gate from 0 to 1 for each channel: two 1×1 convolutions on the channels' means."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.ReLU()(conv(y, narrow, 1, bias=True, init="he", name=f"{name}.1"))
    y = conv(y, x.shape[-1], 1, bias=True, init="torch", name=f"{name}.3")
    return layers.Activation("sigmoid")(y)


def scse(x, name):
    """Channel plus spatial squeeze-and-excitation (Roy et al. 2018, arXiv 1803.02579)."""
    places = conv(x, 1, 1, bias=True, init="torch", name=f"{name}.sSE.0")
    channels = channel_gate(x, max(1, x.shape[-1] // 16), f"{name}.cSE")
    gates = (channels, layers.Activation("sigmoid")(places))
    return layers.Add()([layers.Multiply()([x, gate]) for gate in gates])


def block(x, skips, filters, name, *, attention=None, interpolation="nearest", norm=True):
    """U-Net's block: upsamples to the skips' size, joins them, applies two 3×3 convolutions.

    `attention` "scse" gates the joined maps and the result. Without skips, `x` has its final size
    already and only the result is gated.
    """
    if skips:
        x = layers.Concatenate()([ResizeLike(interpolation)(x, skips[0]), *skips])
        x = scse(x, f"{name}.attention1.attention") if attention else x
    x = two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"), norm)
    return scse(x, f"{name}.attention2.attention") if attention else x


def head(x, num_classes, kernel):
    """Logits at the decoder's size."""
    return conv(x, num_classes, kernel, bias=True, init="torch", name="segmentation_head.0")


def enlarged_head(x, pixels, num_classes, kernel):
    """Logits, enlarged to the image's size."""
    return ResizeLike("aligned", dtype="float32")(head(x, num_classes, kernel), pixels)
