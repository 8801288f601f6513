"""DeepLabV3 (Chen et al. 2017, arXiv 1706.05587) and V3+ (2018, arXiv 1802.02611)."""

from keras import layers

from tfseg.encoders import encode
from tfseg.errors import UserError
from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.resize import ResizeLike
from tfseg.models.fcn import fcn_head

KEYS = ((r"^backbone\.", ""),)

RATES = {8: (12, 24, 36), 16: (6, 12, 18)}  # section 3.3: doubled where the map is twice as fine


def _conv_bn_relu(x, filters, kernel, name, norm, **options):
    return bn_relu(conv(x, filters, kernel, init="torch", name=name, **options), name=norm)


def _aspp(x, rates, dropout, name):
    """Atrous spatial pyramid pooling with the image's mean (figure 5)."""
    branches = [_conv_bn_relu(x, 256, 1, f"{name}.convs.0.0", f"{name}.convs.0.1")]
    for i, rate in enumerate(rates, 1):
        where = f"{name}.convs.{i}"
        branches.append(_conv_bn_relu(x, 256, 3, f"{where}.0", f"{where}.1", dilation=rate))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
    mean = _conv_bn_relu(mean, 256, 1, f"{name}.convs.4.1", f"{name}.convs.4.2")
    branches.append(ResizeLike()(mean, x))
    x = layers.Concatenate()(branches)
    x = _conv_bn_relu(x, 256, 1, f"{name}.project.0", f"{name}.project.1")
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
    """VainF's: the decoder joins 48 channels of stride 4 (figure 2 of V3+)."""
    f = _encode(encoder, x, output_stride)
    low = _conv_bn_relu(f["stride4"], 48, 1, "classifier.project.0", "classifier.project.1")
    x = _aspp(f["stride32"], RATES[output_stride], 0.1, "classifier.aspp")
    x = layers.Concatenate()([low, ResizeLike()(x, low)])
    x = _conv_bn_relu(x, 256, 3, "classifier.classifier.0", "classifier.classifier.1")
    return _outputs(x, f, pixels, num_classes, "classifier.classifier.3", aux)
