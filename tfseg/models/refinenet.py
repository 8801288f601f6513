"""RefineNet, 4-cascaded (Lin et al. 2016, arXiv 1611.06612), with the graph of DrSleep's port."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.blocks import conv
from tfseg.layers.resize import ResizeLike


def _conv(x, filters, name, bias=False):
    return conv(x, filters, 3, bias=bias, init="torch", name=name)


def _residual_units(x, count, name):
    """Residual convolution units: twice a ReLU and a 3×3 convolution (figure 3b)."""
    for i in range(1, count + 1):
        y = _conv(layers.ReLU()(x), x.shape[-1], f"{name}.0.{i}_conv", bias=True)
        y = _conv(layers.ReLU()(y), x.shape[-1], f"{name}.0.{i}_conv_relu_varout_dimred")
        x = layers.Add()([x, y])
    return x


def _chained_pooling(x, name):
    """Chained residual pooling: a chain of max-pools and convolutions, all summed (figure 3d)."""
    x = top = layers.ReLU()(x)
    for i in range(1, 5):
        top = layers.MaxPooling2D(5, strides=1, padding="same")(top)
        top = _conv(top, x.shape[-1], f"{name}.0.{i}_outvar_dimred")
        x = layers.Add()([x, top])
    return x


def refinenet(pixels, x, num_classes, *, encoder="resnet50"):
    """Figure 2c of the paper: each stage, from the coarsest on, refines the next finer one."""
    f = encode(encoder, x)
    coarser = None
    for stage, stride in enumerate((32, 16, 8, 4), 1):
        x, filters = skip(f, stride), 512 if stage == 1 else 256
        x = layers.Dropout(0.5)(x) if stage <= 2 else x
        x = _conv(x, filters, f"p_ims1d2_outl{stage}_dimred")
        x = _residual_units(x, 2, f"adapt_stage{stage}_b")
        if coarser is not None:
            x = _conv(x, filters, f"adapt_stage{stage}_b2_joint_varout_dimred")
            x = layers.Add()([x, ResizeLike("aligned")(coarser, x)])
        x = _chained_pooling(x, f"mflow_conv_g{stage}_pool")
        x = _residual_units(x, 3, f"mflow_conv_g{stage}_b")
        if stage < 4:
            coarser = _conv(x, 256, f"mflow_conv_g{stage}_b3_joint_varout_dimred")
    x = _conv(layers.Dropout(0.5)(x), num_classes, "clf_conv", bias=True)
    return ResizeLike(dtype="float32")(x, pixels)
