"""BiSeNet V2 (Yu et al. 2020, arXiv 2004.02147), with mmsegmentation's graph and names."""

from keras import layers

from tfseg.layers.blocks import batch_norm, conv
from tfseg.layers.conv_module import (
    conv_module,
    depthwise_module,
    score,
    separable_module,
)
from tfseg.layers.resize import ResizeLike

KEYS = ((r"^backbone\.", ""),)

DETAIL = ((64, 64), (64, 64, 64), (128, 128, 128))  # channels of each stage's convolutions
SEMANTIC = ((2, 32, 2), (3, 64, 2), (4, 128, 4))  # stage, channels, gather-and-expansion layers
HEADS = (16, 64, 256, 1024)  # channels of the auxiliary heads


def _detail(x):
    """Wide and shallow, to stride 8 (section 3.1)."""
    for i, widths in enumerate(DETAIL):
        for j, filters in enumerate(widths):
            name, stride = f"detail.detail_branch.{i}.{j}", 1 if j else 2
            x = conv_module(x, filters, 3, stride=stride, name=name)
    return x


def _stem(x, name="semantic.stage1"):
    """Convolution and max-pooling side by side, to stride 4 (figure 4a)."""
    x = conv_module(x, 16, 3, stride=2, name=f"{name}.conv_first")
    y = conv_module(x, 8, 1, name=f"{name}.convs.0")
    y = conv_module(y, 16, 3, stride=2, name=f"{name}.convs.1")
    # Zero padding equals PyTorch's -inf here, because a ReLU leaves nothing below zero.
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    return conv_module(layers.Concatenate()([y, x]), 16, 3, name=f"{name}.fuse_last")


def _gather_expand(x, filters, stride, name):
    """3×3, depthwise to six times the channels, 1×1 back; figure 5b, or 5c if strided."""
    y = conv_module(x, x.shape[-1], 3, name=f"{name}.conv1")
    dwconv = f"{name}.dwconv"
    y = depthwise_module(y, stride=stride, multiplier=6, relu=stride == 1, name=f"{dwconv}.0")
    if stride == 2:
        y = depthwise_module(y, name=f"{dwconv}.1")
        x = separable_module(x, filters, stride=2, relu=False, name=f"{name}.shortcut.0")
    y = conv_module(y, filters, 1, relu=False, name=f"{name}.conv2.0")
    return layers.ReLU()(layers.Add()([y, x]))


def _context(x, name="semantic.stage4_CEBlock"):
    """Adds the image's mean at every position (figure 4b)."""
    y = batch_norm(layers.GlobalAveragePooling2D(keepdims=True)(x), name=f"{name}.gap.1")
    y = conv_module(y, x.shape[-1], 1, name=f"{name}.conv_gap")
    return conv_module(layers.Add()([x, y]), x.shape[-1], 3, name=f"{name}.conv_last")


def _semantic(x):
    """Narrow and deep -> the maps at strides 4 to 32, and the last map with its context."""
    maps = [_stem(x)]
    for stage, filters, count in SEMANTIC:
        x = maps[-1]
        for i in range(count):
            x = _gather_expand(x, filters, 1 if i else 2, f"semantic.stage{stage}.{i}")
        maps.append(x)
    return maps, _context(maps[-1])


def _separated(x, name):
    filters = x.shape[-1]
    x = depthwise_module(x, relu=False, name=f"{name}.0.depthwise_conv")
    return conv(x, filters, 1, bias=True, name=f"{name}.0.pointwise_conv.conv")


def _aggregate(detail, semantic):
    """Gates each branch by the other, at stride 8 and at 32 (figure 6)."""
    down = conv_module(detail, 128, 3, stride=2, relu=False, name="bga.detail_down.0")
    # PyTorch's means include the zeros around the map.
    down = layers.AveragePooling2D(3, strides=2)(layers.ZeroPadding2D(1)(down))
    detail = _separated(detail, "bga.detail_dwconv")
    up = conv_module(semantic, 128, 3, relu=False, name="bga.semantic_conv.0")
    semantic = _separated(semantic, "bga.semantic_dwconv")
    gate = layers.Activation("sigmoid")(ResizeLike()(up, detail))
    fine = layers.Multiply()([detail, gate])
    coarse = layers.Multiply()([down, layers.Activation("sigmoid")(semantic)])
    x = layers.Add()([fine, ResizeLike()(coarse, fine)])
    return conv_module(x, 128, 3, name="bga.conv")


def _head(x, pixels, filters, num_classes, count, name):
    for i in range(count):
        x = conv_module(x, filters, 3, name=f"{name}.convs.{i}")
    x = score(layers.SpatialDropout2D(0.1)(x), num_classes, f"{name}.conv_seg")
    return ResizeLike(dtype="float32")(x, pixels)


def bisenetv2(pixels, x, num_classes, *, aux=False):
    """Figure 3 of the paper; the booster is an auxiliary head on each semantic stage."""
    maps, semantic = _semantic(x)
    x = _aggregate(_detail(x), semantic)
    logits = _head(x, pixels, 1024, num_classes, 1, "decode_head")
    if not aux:
        return logits
    heads = {
        f"aux{i + 1 if i else ''}": _head(y, pixels, width, num_classes, 2, f"auxiliary_head.{i}")
        for i, (y, width) in enumerate(zip(maps, HEADS, strict=True))
    }
    return {"logits": logits, **heads}
