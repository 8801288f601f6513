"""U-Net (Ronneberger et al. 2015, arXiv 1505.04597): plain, with an encoder, or a slim one."""

from keras import layers

from tfseg.encoders import ENCODERS, encode, skip
from tfseg.encoders.mit import KEYS as MIT
from tfseg.layers.blocks import bn_relu, conv, transposed_conv
from tfseg.layers.pooling import PixelShuffle
from tfseg.layers.resize import FitLike, ResizeLike

KEYS = ((r"^encoder\.", ""), *MIT)

WIDTHS = (64, 128, 256, 512, 1024)
DECODER = (256, 128, 64, 32, 16)  # of segmentation_models.pytorch
SLIM = (128, 96, 64, 48)  # at strides 16, 8, 4 and 2


def unet(pixels, x, num_classes, *, encoder=None):
    """Figure 1 of the paper, same-padded and batch-normalised; with `encoder`, smp's `Unet`."""
    if encoder:
        return _unet_on_encoder(pixels, x, num_classes, encoder)
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


def _block(x, skip, filters, name):
    """smp's: nearest upsampling to the skip's size, the skip joined, two 3×3 convolutions."""
    if skip is not None:
        x = layers.Concatenate()([ResizeLike("nearest")(x, skip), skip])
    return _two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"))


def _two_convs(x, filters, names):
    for name in names:
        x = bn_relu(conv(x, filters, 3, init="he", name=f"{name}.0"), name=f"{name}.1")
    return x


def _unet_on_encoder(pixels, x, num_classes, encoder):
    f = encode(encoder, x)
    x = skip(f, 32)
    if ENCODERS[encoder].center:
        x = _two_convs(x, x.shape[-1], ("decoder.center.0", "decoder.center.1"))
    for i, (filters, stride) in enumerate(zip(DECODER, (16, 8, 4, 2), strict=False)):
        joined = skip(f, stride) if f"stride{stride}" in f else None
        if joined is None:  # at stride 2 alone, of which a Mix Transformer has no map
            x = ResizeLike("nearest")(x, layers.AveragePooling2D(2, padding="same")(pixels))
        x = _block(x, joined, filters, f"decoder.blocks.{i}")
    x = ResizeLike("nearest")(x, pixels)  # no skip at full resolution
    x = _block(x, None, DECODER[-1], "decoder.blocks.4")
    return conv(x, num_classes, 3, bias=True, init="torch", name="segmentation_head.0")


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
        x = _two_convs(x, filters, (f"{name}.conv1", f"{name}.conv2"))
    x = conv(x, 4 * num_classes, 3, bias=True, init="torch", name="classifier")
    # A VGG's pools drop an odd last row, which is stretched over here; other encoders round up.
    fit = ResizeLike("nearest") if ENCODERS[encoder].center else FitLike()
    return fit(PixelShuffle(2)(x), pixels)
