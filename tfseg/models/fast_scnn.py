"""Fast-SCNN (Poudel et al. 2019, arXiv 1902.04502), with mmsegmentation's graph and names."""

from keras import layers

from tfseg.layers import conv_module as modules
from tfseg.layers.conv_module import score
from tfseg.layers.pooling import BinAverage
from tfseg.layers.resize import ResizeLike

KEYS = ((r"^backbone\.", ""),)

BINS = (1, 2, 3, 6)
BOTTLENECKS = ((64, 2), (96, 2), (128, 1))  # channels and stride; three blocks each
MOMENTUM = 0.99


def _conv(x, filters, kernel, name, **options):
    return modules.conv_module(x, filters, kernel, momentum=MOMENTUM, name=name, **options)


def _depthwise(x, name, **options):
    return modules.depthwise_module(x, momentum=MOMENTUM, name=name, **options)


def _separable(x, filters, name, **options):
    return modules.separable_module(x, filters, momentum=MOMENTUM, name=name, **options)


def _learn_to_downsample(x, name="learning_to_downsample"):
    x = _conv(x, 32, 3, f"{name}.conv", stride=2)
    x = _separable(x, 48, f"{name}.dsconv1", stride=2)
    return _separable(x, 64, f"{name}.dsconv2", stride=2)


def _bottleneck(x, filters, stride, name):
    """MobileNetV2's block: 1×1 to six times the channels, depthwise, 1×1 down again."""
    y = _conv(x, 6 * x.shape[-1], 1, f"{name}.conv.0")
    y = _depthwise(y, f"{name}.conv.1", stride=stride)
    y = _conv(y, filters, 1, f"{name}.conv.2", relu=False)
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y


def _extract_globally(x, name="global_feature_extractor"):
    for i, (filters, stride) in enumerate(BOTTLENECKS, 1):
        for j in range(3):
            x = _bottleneck(x, filters, 1 if j else stride, f"{name}.bottleneck{i}.{j}")
    branches = [x]
    for i, bins in enumerate(BINS):
        y = _conv(BinAverage(bins)(x), 32, 1, f"{name}.ppm.{i}.1")
        branches.append(ResizeLike()(y, x))
    return _conv(layers.Concatenate()(branches), 128, 3, f"{name}.out")


def _fuse(fine, coarse, name="feature_fusion"):
    x = _depthwise(ResizeLike()(coarse, fine), f"{name}.dwconv")
    x = _conv(x, 128, 1, f"{name}.conv_lower_res", relu=False)
    y = _conv(fine, 128, 1, f"{name}.conv_higher_res", relu=False)
    return layers.ReLU()(layers.Add()([y, x]))


def _logits(x, pixels, num_classes, name):
    x = score(layers.SpatialDropout2D(0.1)(x), num_classes, f"{name}.conv_seg")
    return ResizeLike(dtype="float32")(x, pixels)


def fast_scnn(pixels, x, num_classes, *, aux=False):
    """Figure 1 of the paper."""
    fine = _learn_to_downsample(x)
    coarse = _extract_globally(fine)
    x = _fuse(fine, coarse)
    for i in range(2):
        x = _separable(x, 128, f"decode_head.convs.{i}")
    logits = _logits(x, pixels, num_classes, "decode_head")
    if not aux:
        return logits
    heads = {}
    for i, (key, y) in enumerate((("aux", coarse), ("aux2", fine))):
        name = f"auxiliary_head.{i}"
        heads[key] = _logits(_conv(y, 32, 3, f"{name}.convs.0"), pixels, num_classes, name)
    return {"logits": logits, **heads}
