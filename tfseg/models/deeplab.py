"""DeepLabV3 (Chen et al. 2017, arXiv 1706.05587) and V3+ (2018, arXiv 1802.02611)."""

from keras import layers

from tfseg.encoders import encode
from tfseg.errors import UserError
from tfseg.layers.blocks import bn_relu, conv, depthwise
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp
from tfseg.models.fcn import fcn_head

KEYS = ((r"^backbone\.", ""),)
# Older smp files have the decoder as one Sequential.
SMP_KEYS = (
    *smp.DILATED_KEYS,
    (r"^decoder\.0\.", "decoder.aspp."),
    (r"^decoder\.1\.", "decoder.conv."),
    (r"^decoder\.2\.", "decoder.bn."),
)

RATES = {8: (12, 24, 36), 16: (6, 12, 18)}  # section 3.3: doubled for a map twice as fine


def _conv_bn_relu(x, filters, kernel, name, norm, **options):
    return bn_relu(conv(x, filters, kernel, init="torch", name=name, **options), name=norm)


def _separable(x, filters, kernel, name, norm, **options):
    """Depthwise and 1×1 convolution with nothing between them (V3+, section 3.1)."""
    x = depthwise(x, kernel, **options, name=f"{name}.0")
    return _conv_bn_relu(x, filters, 1, f"{name}.1", norm)


def _aspp(x, rates, dropout, name, convolution=_conv_bn_relu, filters=256):
    """Atrous spatial pyramid pooling with the image's mean (figure 5)."""
    branches = [_conv_bn_relu(x, filters, 1, f"{name}.convs.0.0", f"{name}.convs.0.1")]
    for i, rate in enumerate(rates, 1):
        where = f"{name}.convs.{i}"
        branches.append(convolution(x, filters, 3, f"{where}.0", f"{where}.1", dilation=rate))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
    mean = _conv_bn_relu(mean, filters, 1, f"{name}.convs.4.1", f"{name}.convs.4.2")
    branches.append(ResizeLike()(mean, x))
    x = layers.Concatenate()(branches)
    x = _conv_bn_relu(x, filters, 1, f"{name}.project.0", f"{name}.project.1")
    return layers.Dropout(dropout)(x)


def _encode(encoder, x, output_stride):
    if output_stride not in RATES:
        raise UserError(f"output_stride={output_stride}: choose one of 8, 16")
    return encode(encoder, x, output_stride=output_stride)


def _outputs(x, f, pixels, num_classes, name, aux):
    x = conv(x, num_classes, 1, bias=True, init="torch", name=name)
    logits = ResizeLike(dtype="float32")(x, pixels)
    if not aux:
        return logits
    return {
        "logits": logits,
        "aux": fcn_head(f["stride16"], pixels, num_classes, "aux_classifier"),
    }


def deeplabv3(pixels, x, num_classes, *, encoder="resnet50", output_stride=8, aux=False):
    """torchvision's `deeplabv3_resnet50` and `deeplabv3_resnet101`."""
    f = _encode(encoder, x, output_stride)
    x = _aspp(f["stride32"], RATES[output_stride], 0.5, "classifier.0")
    x = _conv_bn_relu(x, 256, 3, "classifier.1", "classifier.2")
    return _outputs(x, f, pixels, num_classes, "classifier.4", aux)


def deeplabv3plus(pixels, x, num_classes, *, encoder="resnet50", output_stride=16, aux=False):
    """VainF's DeepLabV3+: the decoder joins 48 channels of stride 4 (figure 2 of V3+)."""
    f = _encode(encoder, x, output_stride)
    low = _conv_bn_relu(f["stride4"], 48, 1, "classifier.project.0", "classifier.project.1")
    x = _aspp(f["stride32"], RATES[output_stride], 0.1, "classifier.aspp")
    x = layers.Concatenate()([low, ResizeLike()(x, low)])
    x = _conv_bn_relu(x, 256, 3, "classifier.classifier.0", "classifier.classifier.1")
    return _outputs(x, f, pixels, num_classes, "classifier.classifier.3", aux)


def _smp_aspp(encoder, x, output_stride, depth, filters, name, convolution):
    """The encoder's features, and smp's pyramid on the coarsest with the rates of stride 8."""
    smp.check_depth(depth)
    f = smp.dilated(encoder, x, output_stride, (8, 16))
    return f, _aspp(f[f"stride{1 << depth}"], RATES[8], 0.5, name, convolution, filters)


def deeplabv3_smp(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    output_stride=8,
    encoder_depth=5,
    decoder_channels=256,
):
    """smp's `DeepLabV3`, which uses the rates of stride 8 throughout.

    Args:
        encoder_depth: stages of the encoder, 3 to 5; each further one halves its map or dilates.
        decoder_channels: channels of all maps in the decoder.
    """
    how = output_stride, encoder_depth, (filters := smp.width(decoder_channels))
    _, x = _smp_aspp(encoder, x, *how, "decoder.aspp", _conv_bn_relu)
    x = _conv_bn_relu(x, filters, 3, "decoder.conv", "decoder.bn")
    return smp.enlarged_head(x, pixels, num_classes, 1)


def deeplabv3plus_smp(
    pixels,
    x,
    num_classes,
    *,
    encoder="resnet34",
    output_stride=16,
    encoder_depth=5,
    decoder_channels=256,
):
    """smp's `DeepLabV3Plus`: separable convolutions, rates of stride 8, logits at stride 4.

    `encoder_depth` and `decoder_channels` are as in `deeplabv3_smp`.
    """
    how = output_stride, encoder_depth, (filters := smp.width(decoder_channels))
    f, x = _smp_aspp(encoder, x, *how, "decoder.aspp.0", _separable)
    x = _separable(x, filters, 3, "decoder.aspp.1", "decoder.aspp.2")
    low = _conv_bn_relu(f["stride4"], 48, 1, "decoder.block1.0", "decoder.block1.1")
    x = layers.Concatenate()([ResizeLike("aligned")(x, low), low])
    x = _separable(x, filters, 3, "decoder.block2.0", "decoder.block2.1")
    return smp.enlarged_head(x, pixels, num_classes, 1)
