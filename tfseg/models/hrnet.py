"""HRNet (Sun et al. 2019, arXiv 1904.04514) with OCR (Yuan et al. 2019, arXiv 1909.11065).

Graph and names are those of mmsegmentation's `ocrnet_hr18` and `ocrnet_hr48`.
"""

from keras import initializers, layers

from tfseg.encoders.resnet import bottleneck
from tfseg.layers.blocks import batch_norm, bn_relu, conv
from tfseg.layers.conv_module import conv_module, score
from tfseg.layers.object_context import ObjectAttention, ObjectRegions
from tfseg.layers.resize import ResizeLike, Upsample

KEYS = ((r"^backbone\.", ""),)

STAGES = ((2, 1), (3, 4), (4, 3))  # (stage, modules); each stage adds a branch


def _conv(x, filters, kernel, name, *, stride=1):
    """The authors' small initial weights keep eight modules in a row from overflowing."""
    init = initializers.RandomNormal(stddev=0.001)
    return conv(x, filters, kernel, stride=stride, init=init, name=name)


def _residual(x, name):
    y = bn_relu(_conv(x, x.shape[-1], 3, f"{name}.conv1"), name=f"{name}.bn1")
    y = batch_norm(_conv(y, x.shape[-1], 3, f"{name}.conv2"), name=f"{name}.bn2")
    return layers.ReLU()(layers.Add()([y, x]))


def _down(x, filters, names):
    """Strided 3×3 convolutions; the last gives `filters` channels and has no ReLU."""
    for i, name in enumerate(names, 1):
        last = i == len(names)
        x = _conv(x, filters if last else x.shape[-1], 3, f"{name}.0", stride=2)
        x = batch_norm(x, name=f"{name}.1") if last else bn_relu(x, name=f"{name}.1")
    return x


def _up(x, like, factor, name):
    """1×1 to the channels of `like`, then enlarged by `factor` and fitted to its size."""
    x = batch_norm(_conv(x, like.shape[-1], 1, f"{name}.0"), name=f"{name}.1")
    return ResizeLike()(Upsample(factor)(x), like)


def _exchange(maps, name):
    """Replaces every branch by the sum of all branches (figure 3)."""
    exchanged = []
    for i, own in enumerate(maps):
        parts = []
        for j, other in enumerate(maps):
            where = f"{name}.{i}.{j}"
            if j > i:
                other = _up(other, own, 2 ** (j - i), where)
            elif j < i:
                other = _down(other, own.shape[-1], [f"{where}.{k}" for k in range(i - j)])
            parts.append(other)
        exchanged.append(layers.ReLU()(layers.Add()(parts)))
    return exchanged


def _module(maps, name):
    """Four residual blocks on each branch, then the exchange."""
    maps = list(maps)
    for i, x in enumerate(maps):
        for j in range(4):
            x = _residual(x, f"{name}.branches.{i}.{j}")
        maps[i] = x
    return _exchange(maps, f"{name}.fuse_layers")


def _backbone(x, width):
    """Figure 2 of the paper -> maps at strides 4, 8, 16, 32 with 1, 2, 4, 8 times `width`."""
    for i in (1, 2):
        x = bn_relu(_conv(x, 64, 3, f"conv{i}", stride=2), name=f"bn{i}")
    for i in range(4):
        x = bottleneck(x, 64, 1, (1,), f"layer1.{i}")
    first = bn_relu(_conv(x, width, 3, "transition1.0.0"), name="transition1.0.1")
    maps, coarsest = [first], x
    for stage, modules in STAGES:
        name = f"transition{stage - 1}.{stage - 1}.0"
        filters = width << (stage - 1)
        new = _conv(coarsest, filters, 3, f"{name}.0", stride=2)
        maps = [*maps, bn_relu(new, name=f"{name}.1")]
        for i in range(modules):
            maps = _module(maps, f"stage{stage}.{i}")
        coarsest = maps[-1]
    return maps


def _project(x, filters, count, name):
    for i in range(count):
        x = conv_module(x, filters, 1, name=f"{name}.{i}" if count > 1 else name)
    return x


def _object_context(x, scores, name="decode_head.1"):
    """Lets each pixel attend to the regions of the classes (figure 3 of the OCR paper)."""
    x = conv_module(x, 512, 3, name=f"{name}.bottleneck")
    block, regions = f"{name}.object_context_block", ObjectRegions()(scores, x)
    query = _project(x, 256, 2, f"{block}.query_project")
    key = _project(regions, 256, 2, f"{block}.key_project")
    value = _project(regions, 256, 1, f"{block}.value_project")
    y = _project(ObjectAttention()(query, key, value), 512, 1, f"{block}.out_project")
    return conv_module(layers.Concatenate()([y, x]), 512, 1, name=f"{block}.bottleneck")


def _hrnet(pixels, x, num_classes, aux, width):
    maps = _backbone(x, width)
    x = layers.Concatenate()([maps[0], *(ResizeLike()(y, maps[0]) for y in maps[1:])])
    y = conv_module(x, x.shape[-1], 1, name="decode_head.0.convs.0")
    early = score(y, num_classes, "decode_head.0.conv_seg")
    x = score(_object_context(x, early), num_classes, "decode_head.1.conv_seg")
    logits = ResizeLike(dtype="float32")(x, pixels)
    if not aux:
        return logits
    return {"logits": logits, "aux": ResizeLike(dtype="float32")(early, pixels)}


def hrnet_w18(pixels, x, num_classes, *, aux=False):
    """HRNetV2-W18 with OCR; the auxiliary output defines the regions of the classes."""
    return _hrnet(pixels, x, num_classes, aux, 18)


def hrnet_w48(pixels, x, num_classes, *, aux=False):
    """HRNetV2-W48 with OCR."""
    return _hrnet(pixels, x, num_classes, aux, 48)
