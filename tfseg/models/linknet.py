"""LinkNet (Chaurasia and Culurciello 2017, arXiv 1707.03718), its two variants and smp's."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.blocks import batch_norm, bn_relu, conv, transposed_conv
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

# Names in the authors' two PyTorch classes -> layer names here.
KEYS = (
    (r"^in_block\.0\.", "conv1."),
    (r"^in_block\.1\.", "bn1."),
    (r"^encoder(\d)\.block1\.", r"layer\1.0."),
    (r"^encoder(\d)\.block2\.", r"layer\1.1."),
    (r"^encoder(\d)\.(\d+)\.", r"layer\1.\2."),
)


def _decoder(x, like, filters, stride, name, *, epsilon=1e-5, bias=False, init="torch"):
    """1×1 down to a quarter, 3×3 transposed to the size of `like`, 1×1 up."""
    quarter, how = max(1, x.shape[-1] // 4), {"bias": bias, "init": init}
    x = conv(x, quarter, 1, **how, name=f"{name}.conv1.0")
    x = bn_relu(x, epsilon=epsilon, name=f"{name}.conv1.1")
    x = transposed_conv(
        x, quarter, 3, stride=stride, padding=1, like=like, **how, name=f"{name}.tp_conv.0"
    )
    x = bn_relu(x, epsilon=epsilon, name=f"{name}.tp_conv.1")
    x = conv(x, filters, 1, **how, name=f"{name}.conv2.0")
    return bn_relu(x, epsilon=epsilon, name=f"{name}.conv2.1")


def _lua_decoder(x, like, filters, stride, name):
    return _decoder(x, like, filters, stride, name, epsilon=1e-3, bias=True, init="he_fan_out")


def _residual_decoder(x, like, filters, stride, name):
    """3×3 transposed and 1×1 plus a resized shortcut; no bottleneck (model-res-dec)."""
    how = {"bias": True, "init": "he_fan_out"}
    shortcut = conv(x, filters, 1, **how, name=f"{name}.shortcut.0")
    shortcut = batch_norm(shortcut, epsilon=1e-3, name=f"{name}.shortcut.1")
    shortcut = ResizeLike("aligned")(shortcut, like)
    x = transposed_conv(
        x, filters, 3, stride=stride, padding=1, like=like, **how, name=f"{name}.tp_conv.0"
    )
    x = bn_relu(x, epsilon=1e-3, name=f"{name}.tp_conv.1")
    x = conv(x, filters, 1, **how, name=f"{name}.conv2.0")
    x = batch_norm(x, epsilon=1e-3, name=f"{name}.conv2.1")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _smp_decoder(x, like, filters, name, norm):
    """1×1 down to a quarter, 4×4 transposed to the size of `like`, 1×1 up."""
    quarter = max(1, x.shape[-1] // 4)
    x = smp.conv_bn_relu(x, quarter, 1, f"{name}.0", norm)
    x = transposed_conv(x, quarter, 4, padding=1, like=like, bias=True, name=f"{name}.1.0")
    x = bn_relu(x, name=f"{name}.1.1") if norm else layers.ReLU()(x)
    return smp.conv_bn_relu(x, filters, 1, f"{name}.2", norm)


def _decode(f, decoder, join, output_stride):
    """Decodes the encoder's features from stride 32 up; `join` merges each skip.

    The last stage stays at stride 4 if the encoder has a max-pool's output there, as in the paper;
    otherwise it goes on to stride 2.
    """
    x = skip(f, 32)
    stages = (
        (4, skip(f, 16), 2 if output_stride >= 32 else 1),
        (3, skip(f, 8), 2 if output_stride >= 16 else 1),
        (2, skip(f, 4), 2),
        (1, f["pool"], 1) if "pool" in f else (1, f["stride2"], 2),
    )
    for stage, passed, stride in stages:
        x = join(decoder(x, passed, passed.shape[-1], stride, f"decoder{stage}"), passed)
    return x


def _head(x, f, pixels, num_classes, epsilon):
    like, stride = f["stride2"], 2 if "pool" in f else 1
    x = transposed_conv(x, 32, 3, stride=stride, padding=1, like=like, bias=True, name="tp_conv1.0")
    x = bn_relu(x, name="tp_conv1.1")
    x = conv(x, 32, 3, bias=True, init="torch", name="conv2.0")
    x = bn_relu(x, epsilon=epsilon, name="conv2.1")
    return transposed_conv(x, num_classes, 2, like=pixels, bias=True, name="tp_conv2")


def _sum(x, skip):
    return layers.Add()([x, skip])


def _rectified_sum(x, skip):
    return layers.ReLU()(layers.Add()([x, skip]))


def linknet(pixels, x, num_classes, *, encoder="resnet18", output_stride=32):
    """Figure 1 of the paper, as in the authors' PyTorch code."""
    f = encode(encoder, x, output_stride=output_stride)
    x = _decode(f, _decoder, _sum, output_stride)
    return _head(x, f, pixels, num_classes, epsilon=1e-5)


def linknet_residual(pixels, x, num_classes, *, encoder="resnet18", output_stride=32):
    """The authors' Lua `model-res-dec`, with residual decoder blocks."""
    f = encode(encoder, x, output_stride=output_stride)
    x = _decode(f, _residual_decoder, _rectified_sum, output_stride)
    return _head(x, f, pixels, num_classes, epsilon=1e-3)


def linknet_nobypass(pixels, x, num_classes, *, encoder="resnet18", output_stride=32):
    """The authors' Lua `nobypass`: the decoder gets the sizes of encoder features, no values."""
    f = encode(encoder, x, output_stride=output_stride)
    x = _decode(f, _lua_decoder, lambda x, skip: x, output_stride)
    return _head(x, f, pixels, num_classes, epsilon=1e-3)


def linknet_smp(
    pixels, x, num_classes, *, encoder="resnet34", encoder_depth=5, decoder_use_norm=True
):
    """smp's `Linknet`: five blocks up to full resolution, with the stem's feature as a skip.

    `encoder_depth` and `decoder_use_norm` are as in `unet`.
    """
    smp.check_depth(encoder_depth)
    f, last = encode(encoder, x), encoder_depth - 1
    x = skip(f, 1 << encoder_depth)
    for i in range(last):
        passed = skip(f, 1 << (last - i))
        name = f"decoder.blocks.{i}.block"
        x = _sum(_smp_decoder(x, passed, passed.shape[-1], name, decoder_use_norm), passed)
    x = _smp_decoder(x, pixels, 32, f"decoder.blocks.{last}.block", decoder_use_norm)
    return smp.head(x, num_classes, 1)
