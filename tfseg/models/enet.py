"""ENet (Paszke et al. 2016, arXiv 1606.02147), with davidtvs' PyTorch graph."""

from keras import initializers, layers

from tfseg.layers.blocks import batch_norm, conv, transposed_conv
from tfseg.layers.padding import Pad
from tfseg.layers.pooling import MaxPoolWithIndices, MaxUnpool
from tfseg.layers.resize import FitLike

# Eight bottlenecks of stages 2 and 3: dilation of the 3×3, or length of an asymmetric pair.
STAGE = (
    ("regular", 1), ("dilated", 2), ("asymmetric", 5), ("dilated", 4),
    ("regular", 1), ("dilated", 8), ("asymmetric", 5), ("dilated", 16),
)  # fmt: skip


def _prelu(x, name):
    """One slope for all channels, PyTorch's default."""
    slope = initializers.Constant(0.25)
    return layers.PReLU(alpha_initializer=slope, shared_axes=(1, 2, 3), name=name)(x)


def _relu(x, name):
    return layers.ReLU()(x)


def _conv_bn_act(x, filters, kernel, act, name, first=0, **options):
    x = conv(x, filters, kernel, init="torch", name=f"{name}.{first}", **options)
    return act(batch_norm(x, name=f"{name}.{first + 1}"), f"{name}.{first + 2}")


def _regular(x, kind, value, act, dropout, name):
    """A bottleneck at one resolution: 1×1 down to a quarter, 3×3 or 5×1 and 1×5, 1×1 up."""
    shortcut, inner = x, x.shape[-1] // 4
    x = _conv_bn_act(x, inner, 1, act, f"{name}.ext_conv1")
    if kind == "asymmetric":
        x = _conv_bn_act(x, inner, (value, 1), act, f"{name}.ext_conv2")
        x = _conv_bn_act(x, inner, (1, value), act, f"{name}.ext_conv2", first=3)
    else:
        x = _conv_bn_act(x, inner, 3, act, f"{name}.ext_conv2", dilation=value)
    x = _conv_bn_act(x, shortcut.shape[-1], 1, act, f"{name}.ext_conv3")
    x = layers.SpatialDropout2D(dropout)(x)
    return act(layers.Add()([shortcut, x]), f"{name}.out_activation")


def _down(x, filters, dropout, name):
    """Halves the resolution. The shortcut is a max-pool, extended with channels of zeros."""
    inner, new = x.shape[-1] // 4, filters - x.shape[-1]
    main, indices = MaxPoolWithIndices()(x)
    main = Pad(((0, 0), (0, 0), (0, 0), (0, new)))(main)
    x = _conv_bn_act(x, inner, 2, _prelu, f"{name}.ext_conv1", stride=2, padding=0)
    x = _conv_bn_act(x, inner, 3, _prelu, f"{name}.ext_conv2")
    x = _conv_bn_act(x, filters, 1, _prelu, f"{name}.ext_conv3")
    x = layers.SpatialDropout2D(dropout)(x)
    return _prelu(layers.Add()([main, x]), f"{name}.out_activation"), indices


def _up(x, filters, indices, like, name):
    """Upsamples to the size of `like`. The shortcut unpools at the encoder's maxima."""
    inner = x.shape[-1] // 4
    main = conv(x, filters, 1, init="torch", name=f"{name}.main_conv1.0")
    main = MaxUnpool()(batch_norm(main, name=f"{name}.main_conv1.1"), indices)
    main = FitLike(short=1)(main, like)
    x = _conv_bn_act(x, inner, 1, _relu, f"{name}.ext_conv1")
    x = transposed_conv(x, inner, 2, like=like, short=1, name=f"{name}.ext_tconv1")
    x = layers.ReLU()(batch_norm(x, name=f"{name}.ext_tconv1_bnorm"))
    x = conv(x, filters, 1, init="torch", name=f"{name}.ext_conv2.0")
    x = layers.SpatialDropout2D(0.1)(batch_norm(x, name=f"{name}.ext_conv2.1"))
    return layers.ReLU()(layers.Add()([main, x]))


def _initial(x):
    """A convolution and a max-pool side by side, both at half the resolution."""
    main = conv(x, 13, 3, stride=2, init="torch", name="initial_block.main_branch")
    pooled = Pad(((0, 0), (1, 1), (1, 1), (0, 0)), value=-float("inf"))(x)
    pooled = layers.MaxPooling2D(3, strides=2)(pooled)
    x = layers.Concatenate()([main, pooled])
    return _prelu(batch_norm(x, name="initial_block.batch_norm"), "initial_block.out_activation")


def enet(pixels, x, num_classes):
    """Table 1 of the paper."""
    half = x = _initial(x)
    x, indices1 = _down(x, 64, 0.01, "downsample1_0")
    for i in range(1, 5):
        x = _regular(x, "regular", 1, _prelu, 0.01, f"regular1_{i}")
    quarter = x
    x, indices2 = _down(x, 128, 0.1, "downsample2_0")
    for stage, first in ((2, 1), (3, 0)):
        for i, (kind, value) in enumerate(STAGE, first):
            x = _regular(x, kind, value, _prelu, 0.1, f"{kind}{stage}_{i}")
    x = _up(x, 64, indices2, quarter, "upsample4_0")
    for i in (1, 2):
        x = _regular(x, "regular", 1, _relu, 0.1, f"regular4_{i}")
    x = _up(x, 16, indices1, half, "upsample5_0")
    x = _regular(x, "regular", 1, _relu, 0.1, "regular5_1")
    return transposed_conv(x, num_classes, 3, padding=1, like=pixels, name="transposed_conv")
