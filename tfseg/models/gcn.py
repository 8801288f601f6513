"""GCN, Large Kernel Matters (Peng et al. 2017, arXiv 1703.02719), with zijundeng's graph."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.errors import UserError
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike

# zijundeng's stages: the stem is layer0, and layer1 begins with the max-pool.
KEYS = (
    (r"^layer0\.0\.", "conv1."),
    (r"^layer0\.1\.", "bn1."),
    (r"^layer1\.1\.(\d+)\.", r"layer1.\1."),
)


def _global_conv(x, filters, k, name):
    """A k×k convolution as the sum of k×1 after 1×k and 1×k after k×1 (figure 3B)."""
    left = conv(x, filters, (k, 1), bias=True, init="he", name=f"{name}.conv_l1")
    left = conv(left, filters, (1, k), bias=True, init="he", name=f"{name}.conv_l2")
    right = conv(x, filters, (1, k), bias=True, init="he", name=f"{name}.conv_r1")
    right = conv(right, filters, (k, 1), bias=True, init="he", name=f"{name}.conv_r2")
    return layers.Add()([left, right])


def _boundary(x, name):
    """Boundary refinement: a residual of two 3×3 convolutions (figure 3C)."""
    y = layers.ReLU()(conv(x, x.shape[-1], 3, bias=True, init="he", name=f"{name}.conv1"))
    y = conv(y, x.shape[-1], 3, bias=True, init="he", name=f"{name}.conv2")
    return layers.Add()([x, y])


def gcn(pixels, x, num_classes, *, encoder="resnet50", k=7):
    """Figure 2 of the paper; `k` is the odd side of the large kernels."""
    if not isinstance(k, int) or k < 1 or k % 2 == 0:
        raise UserError(f"k={k}: the kernel's side must be odd, for example 7 or 15")
    f = encode(encoder, x)
    x = None
    for i, stride in enumerate((32, 16, 8, 4), 1):
        score = _global_conv(skip(f, stride), num_classes, k, f"gcm{i}")
        score = _boundary(score, f"brm{i}")
        if x is not None:
            x = layers.Add()([ResizeLike("aligned")(x, score), score])
            score = _boundary(x, f"brm{i + 3}")
        x = score
    x = _boundary(ResizeLike("aligned")(x, f["stride2"]), "brm8")
    return _boundary(ResizeLike("aligned")(x, pixels), "brm9")
