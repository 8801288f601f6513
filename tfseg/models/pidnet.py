"""PIDNet (Xu et al. 2022, arXiv 2206.02066), with mmsegmentation's graph and names."""

from keras import layers

from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.conv_module import conv_module, preactivated
from tfseg.layers.resize import ResizeLike
from tfseg.layers.similarity import Similarity
from tfseg.models.ddrnet import (
    AUTHORS_FIRST,
    AUTHORS_LAST,
    added,
    authors_head,
    dappm,
    numbered,
    rectified,
    residual,
    scales,
    stage,
    stem,
)

KEYS = (
    (r"^backbone\.", ""),
    (r"^decode_head\.(?=[pd]_)", "aux."),
    # The rest are the authors' names.
    *authors_head(
        "final_layer",
        "decode_head.i_head.conv",
        "decode_head.i_head.norm",
        "decode_head.conv_seg",
    ),
    *authors_head("seghead_p", "aux.p_head.conv", "aux.p_head.norm", "aux.p_cls_seg"),
    *authors_head("seghead_d", "aux.d_head.conv", "aux.d_head.norm", "aux.d_cls_seg"),
    *AUTHORS_FIRST,
    (r"^layer([345])\.", numbered("i_branch_layers.", 3, ".")),
    (r"^layer([345])_\.", numbered("p_branch_layers.", 3, ".")),
    (r"^layer([345])_d\.", numbered("d_branch_layers.", 3, ".")),
    (r"\.downsample\.0\.", ".downsample.conv."),
    (r"\.downsample\.1\.", ".downsample.bn."),
    (r"^diff([34])\.", numbered("diff_", 2, ":")),
    (r"^pag([34])\.f_x\.", numbered("pag_", 2, ".f_p:")),
    (r"^pag([34])\.f_y\.", numbered("pag_", 2, ".f_i:")),
    (r"^spp\.scale_process\.", "spp.processes|"),
    (r"^dfm\.conv_([pi])\.", r"dfm.f_\1:"),
    (r"^dfm\.conv\.(?=\d)", "dfm.conv|"),
    *AUTHORS_LAST,
)

SHORTCUT = (".conv", ".bn")


def _residual(x, filters, name):
    return residual(x, filters, name, shortcut=SHORTCUT)


def _stage(x, filters, blocks, name, **options):
    return stage(x, filters, blocks, name, shortcut=SHORTCUT, **options)


def _blend(share, x, y):
    """share · x + (1 - share) · y."""
    return layers.Add()([y, layers.Multiply()([share, layers.Subtract()([x, y])])])


def _guided_by_pixels(p, i, name):
    """Pag: P takes in I at each pixel in proportion to their similarity (section 4.1)."""
    filters = p.shape[-1] // 2
    ours = conv_module(p, filters, 1, relu=False, name=f"{name}.f_p")
    theirs = conv_module(i, filters, 1, relu=False, name=f"{name}.f_i")
    alike = Similarity()(ours, ResizeLike()(theirs, p))
    return _blend(layers.Activation("sigmoid")(alike), ResizeLike()(i, p), p)


def _guided_by_boundary(p, i, d, filters, light):
    """Bag: P counts near boundaries, I inside objects (section 4.3); has a light form."""
    share = layers.Activation("sigmoid")(d)
    if not light:
        return preactivated(_blend(share, p, i), filters, 3, name="dfm.conv")
    inside = layers.Subtract()([i, layers.Multiply()([share, i])])
    near = layers.Multiply()([share, p])
    x = conv_module(layers.Add()([inside, p]), filters, 1, relu=False, name="dfm.f_p")
    y = conv_module(layers.Add()([i, near]), filters, 1, relu=False, name="dfm.f_i")
    return layers.Add()([x, y])


def _pappm(x, branch, filters):
    """Parallel aggregation: DAPPM with one grouped convolution for all scales (section 4.2)."""
    first, *others = scales(x, branch, "spp.scales")
    y = layers.Concatenate()([added(first, y) for y in others])
    y = preactivated(y, 4 * branch, 3, groups=4, name="spp.processes")
    y = preactivated(layers.Concatenate()([first, y]), filters, 1, name="spp.compression")
    return layers.Add()([y, preactivated(x, filters, 1, name="spp.shortcut")])


def _backbone(x, filters, branch, depths, light):
    """Figure 4 of the paper -> the map at stride 8, P after one exchange, D after both."""
    shallow, deep = depths
    p = d = i = stem(x, filters, shallow, shortcut=SHORTCUT)
    wide, narrow = 2 * filters, filters if light else 2 * filters
    exchanged = []
    for n, width in enumerate((narrow, wide)):
        i = rectified(_stage(i, 4 * filters << n, deep, f"i_branch_layers.{n}", stride=2))
        p = _stage(p, wide, shallow, f"p_branch_layers.{n}")
        if light and n:
            d = _stage(d, narrow, 1, f"d_branch_layers.{n}", wide=True)
        else:
            d = _residual(d, width, f"d_branch_layers.{n}")
        reduced = conv_module(i, wide, 1, relu=False, name=f"compression_{n + 1}")
        p = _guided_by_pixels(p, reduced, f"pag_{n + 1}")
        d = added(d, conv_module(i, width, 3, relu=False, name=f"diff_{n + 1}"))
        exchanged.append((p, d))
        p, d = rectified(p), rectified(d)
    i = _stage(i, 8 * filters, 2, "i_branch_layers.2", stride=2, wide=True)
    p = _stage(p, wide, 1, "p_branch_layers.2", wide=True)
    d = _stage(d, wide, 1, "d_branch_layers.2", wide=True)
    i = ResizeLike()((_pappm if light else dappm)(i, branch, 4 * filters), p)
    (early, _), (_, late) = exchanged
    return _guided_by_boundary(p, i, d, 4 * filters, light), early, late


def _head(x, pixels, filters, classes, name, score, dropout=0.0):
    x = bn_relu(preactivated(x, filters, 3, name=f"{name}.conv"), name=f"{name}.norm")
    x = layers.SpatialDropout2D(dropout)(x) if dropout else x
    x = conv(x, classes, 1, bias=True, name=score)
    return ResizeLike("aligned", dtype="float32")(x, pixels)


def _pidnet(pixels, x, num_classes, aux, filters, branch, head, depths=(2, 3), light=True):
    x, p, d = _backbone(x, filters, branch, depths, light)
    decode = "decode_head"
    logits = _head(x, pixels, head, num_classes, f"{decode}.i_head", f"{decode}.conv_seg", 0.1)
    if not aux:
        return logits
    return {
        "logits": logits,
        "aux": _head(p, pixels, head, num_classes, "aux.p_head", "aux.p_cls_seg"),
        "boundary": _head(d, pixels, filters, 1, "aux.d_head", "aux.d_cls_seg"),
    }


def pidnet_s(pixels, x, num_classes, *, aux=False):
    """PIDNet-S: branches for detail (P), context (I) and boundaries (D)."""
    return _pidnet(pixels, x, num_classes, aux, 32, 96, 128)


def pidnet_m(pixels, x, num_classes, *, aux=False):
    """PIDNet-M, twice as wide."""
    return _pidnet(pixels, x, num_classes, aux, 64, 96, 128)


def pidnet_l(pixels, x, num_classes, *, aux=False):
    """PIDNet-L: PIDNet-M with deeper branches and with DAPPM."""
    return _pidnet(pixels, x, num_classes, aux, 64, 112, 256, (3, 4), light=False)
