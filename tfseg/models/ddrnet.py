"""DDRNet (Hong et al. 2021, arXiv 2101.06085), with mmsegmentation's graph and names."""

from keras import layers

from tfseg.layers.blocks import batch_norm, bn_relu, conv
from tfseg.layers.conv_module import conv_module, preactivated
from tfseg.layers.resize import ResizeLike

POOLS = ((5, 2), (9, 4), (17, 8))  # (window side, stride) on the map at stride 64


def without_stem_biases(mapping):
    """Folds the biases of the authors' stem into the means of its batch normalisations."""
    state = dict(mapping)
    for i in (0, 1):
        bias, mean = state.pop(f"stem.{i}.conv.bias", None), f"stem.{i}.bn.running_mean"
        if bias is not None and mean in state:
            state[mean] = state[mean] - bias
    return state


def numbered(before, start, after):
    """A replacement for a pattern: its number minus `start`, between two texts."""
    return lambda match: f"{before}{int(match[1]) - start}{after}"


def authors_head(theirs, first, norm, score):
    """(pattern, replacement) pairs for a head in the authors' spelling."""
    pairs = {"bn1": f"{first}.bn", "conv1": f"{first}.conv", "bn2": norm, "conv2": score}
    return tuple((rf"^{theirs}\.{part}\.", f"{ours}.") for part, ours in pairs.items())


# How the authors of DDRNet and PIDNet spell the layers that both networks have. ":" marks an index
# into their Sequential of convolution and normalisation, "|" into one of the reverse order.
AUTHORS_FIRST = (
    (r"^layer1\.", "stem.2."),
    (r"^layer2\.", "stem.4."),
    (r"^conv1\.(?=[01]\.)", "stem.0:"),
    (r"^conv1\.3\.", "stem.1:0."),
    (r"^conv1\.4\.", "stem.1:1."),
    (r"^compression([34])\.", numbered("compression_", 2, ":")),
    (r"^spp\.scale0\.", "spp.scales.0|"),
    (r"^spp\.scale([1-4])\.", r"spp.scales.\1.1|"),
    (r"^spp\.process([1-4])\.", numbered("spp.processes.", 1, "|")),
    (r"^spp\.(compression|shortcut)\.(?=\d)", r"spp.\1|"),
)
AUTHORS_LAST = (
    (r":0\.", ".conv."),
    (r":1\.", ".bn."),
    (r"\|[01]\.", ".bn."),
    (r"\|[23]\.", ".conv."),
    (r"\.conv([123])\.weight$", r".conv\1.conv.weight"),
    (r"\.bn([123])\.", r".conv\1.bn."),
    without_stem_biases,
)
KEYS = (
    (r"^backbone\.", ""),
    (r"^decode_head\.(?=aux_)", ""),
    *authors_head(
        "final_layer", "decode_head.head.0", "decode_head.head.1", "decode_head.conv_seg"
    ),
    *authors_head("seghead_extra", "aux_head.0", "aux_head.1", "aux_cls_seg"),
    *AUTHORS_FIRST,
    (r"^layer([345])\.", numbered("context_branch_layers.", 3, ".")),
    (r"^layer([345])_\.", numbered("spatial_branch_layers.", 3, ".")),
    (r"^down3\.", "down_1:"),
    (r"^down4\.(?=[01]\.)", "down_2.0:"),
    (r"^down4\.3\.", "down_2.1:0."),
    (r"^down4\.4\.", "down_2.1:1."),
    *AUTHORS_LAST,
)


def rectified(x):
    return layers.ReLU()(x)


def added(x, y):
    """The sum with a coarser map, resized to `x`."""
    return layers.Add()([x, ResizeLike()(y, x)])


def residual(x, filters, name, *, stride=1, wide=False, relu=False, shortcut=(".0", ".1")):
    """Two 3×3 convolutions and a shortcut; if `wide`, 1×1, 3×3 and 1×1 to twice `filters`.

    `shortcut` holds the reference's suffixes of the shortcut's convolution and normalisation.
    """
    y, outer = x, 2 * filters if wide else filters
    if stride > 1 or x.shape[-1] != outer:
        first, second = (f"{name}.downsample{part}" for part in shortcut)
        x = batch_norm(conv(x, outer, 1, stride=stride, name=first), name=second)
    if wide:
        y = conv_module(y, filters, 1, name=f"{name}.conv1")
        y = conv_module(y, filters, 3, stride=stride, name=f"{name}.conv2")
        y = conv_module(y, outer, 1, relu=False, name=f"{name}.conv3")
    else:
        y = conv_module(y, filters, 3, stride=stride, name=f"{name}.conv1")
        y = conv_module(y, filters, 3, relu=False, name=f"{name}.conv2")
    x = layers.Add()([y, x])
    return rectified(x) if relu else x


def stage(x, filters, blocks, name, *, stride=1, wide=False, **options):
    """Residual blocks, joined by ReLUs unless `wide`; no ReLU follows the last."""
    for i in range(blocks):
        first, relu = stride if i == 0 else 1, i < blocks - 1 and not wide
        x = residual(x, filters, f"{name}.{i}", stride=first, wide=wide, relu=relu, **options)
    return x


def stem(x, filters, blocks, **options):
    """Pixels -> the map at stride 8."""
    for i in range(2):
        x = conv_module(x, filters, 3, stride=2, name=f"stem.{i}")
    x = rectified(stage(x, filters, blocks, "stem.2", **options))
    return rectified(stage(x, 2 * filters, blocks, "stem.4", stride=2, **options))


def scales(x, filters, name):
    """The map and its means over increasingly large regions, each reduced to `filters` channels.

    The means include zeros around the map, as in PyTorch's `AvgPool2d`.
    """
    pooled = [x]
    for side, stride in POOLS:
        y = layers.ZeroPadding2D(side // 2)(x)
        pooled.append(layers.AveragePooling2D(side, strides=stride)(y))
    pooled.append(layers.GlobalAveragePooling2D(keepdims=True)(x))
    names = [f"{name}.0", *(f"{name}.{i}.1" for i in range(1, len(pooled)))]
    return [preactivated(y, filters, 1, name=n) for y, n in zip(pooled, names, strict=True)]


def dappm(x, branch, filters, name="spp"):
    """Deep aggregation pyramid pooling: adds to each scale the one before (figure 5)."""
    first, *others = scales(x, branch, f"{name}.scales")
    found = [first]
    for i, y in enumerate(others):
        y = added(found[-1], y)
        found.append(preactivated(y, branch, 3, name=f"{name}.processes.{i}"))
    y = preactivated(layers.Concatenate()(found), filters, 1, name=f"{name}.compression")
    return layers.Add()([y, preactivated(x, filters, 1, name=f"{name}.shortcut")])


def _head(x, filters, name):
    x = preactivated(x, filters, 3, name=f"{name}.0")
    return bn_relu(x, name=f"{name}.1")


def _down(x, filters, names):
    """Strided 3×3 convolutions, each doubling the channels; no ReLU after the last."""
    for i, name in enumerate(names, 1):
        x = conv_module(x, filters << i, 3, stride=2, relu=i < len(names), name=name)
    return x


def _backbone(x, filters):
    """Figure 4 of the paper -> the map at stride 8, and that map after the first exchange."""
    context = spatial = stem(x, filters, 2)
    wide, exchanged = 2 * filters, []
    for i, down in enumerate((("down_1",), ("down_2.0", "down_2.1"))):
        name = f"context_branch_layers.{i}"
        context = stage(context, 4 * filters << i, 2, name, stride=2)
        spatial = stage(spatial, wide, 2, f"spatial_branch_layers.{i}")
        up = conv_module(rectified(context), wide, 1, relu=False, name=f"compression_{i + 1}")
        context = rectified(layers.Add()([context, _down(rectified(spatial), wide, down)]))
        exchanged.append(added(spatial, up))
        spatial = rectified(exchanged[-1])
    spatial = stage(spatial, wide, 1, "spatial_branch_layers.2", wide=True)
    context = stage(context, 8 * filters, 1, "context_branch_layers.2", stride=2, wide=True)
    return added(spatial, dappm(context, 128, 4 * filters)), exchanged[0]


def _ddrnet(pixels, x, num_classes, filters, aux):
    x, early = _backbone(x, filters)
    x = _head(x, 2 * filters, "decode_head.head")
    x = conv(x, num_classes, 1, bias=True, name="decode_head.conv_seg")
    logits = ResizeLike(dtype="float32")(x, pixels)
    if not aux:
        return logits
    y = _head(early, 2 * filters, "aux_head")
    y = conv(y, num_classes, 1, bias=True, name="aux_cls_seg")
    return {"logits": logits, "aux": ResizeLike(dtype="float32")(y, pixels)}


def ddrnet23_slim(pixels, x, num_classes, *, aux=False):
    """DDRNet-23-slim: two branches, at stride 8 and down to 64, that exchange maps twice."""
    return _ddrnet(pixels, x, num_classes, 32, aux)


def ddrnet23(pixels, x, num_classes, *, aux=False):
    """DDRNet-23, twice as wide."""
    return _ddrnet(pixels, x, num_classes, 64, aux)
