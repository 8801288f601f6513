"""PSPNet (Zhao et al. 2016, arXiv 1612.01105), with zijundeng's graph and with smp's."""

from keras import layers

from tfseg.encoders import encode, skip
from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.pooling import BinAverage
from tfseg.layers.resize import ResizeLike
from tfseg.models import smp

# zijundeng's GCN, DUC and PSPNet name the stem as one Sequential.
KEYS = ((r"^layer0\.0\.", "conv1."), (r"^layer0\.1\.", "bn1."))

BINS = (1, 2, 3, 6)


def _pyramid(x):
    """The map joined with its means over 1, 4, 9 and 36 regions (section 3.2)."""
    branches = [x]
    for i, bins in enumerate(BINS):
        pooled = conv(BinAverage(bins)(x), 512, 1, init="he", name=f"ppm.features.{i}.1")
        pooled = bn_relu(pooled, name=f"ppm.features.{i}.2")
        branches.append(ResizeLike("aligned")(pooled, x))
    return layers.Concatenate()(branches)


def _smp_pyramid(x, norm):
    """As `_pyramid`, but each branch has a quarter of the map's channels; the map comes last."""
    branches, filters = [], x.shape[-1] // len(BINS)
    for i, bins in enumerate(BINS):
        name, y = f"decoder.psp.blocks.{i}.pool.1", BinAverage(bins)(x)
        # One value a frame is too few for batch normalisation.
        y = smp.conv_bn_relu(y, filters, 1, name, norm and bins > 1)
        branches.append(ResizeLike("aligned")(y, x))
    return layers.Concatenate()([*branches, x])


def pspnet(pixels, x, num_classes, *, encoder="resnet50", aux=False):
    """Figure 3 of the paper; every block of the dilated stages has the full dilation."""
    f = encode(encoder, x, output_stride=8, dilations={3: (2,), 4: (4,)})
    x = _pyramid(f["stride32"])
    x = bn_relu(conv(x, 512, 3, init="he", name="final.0"), name="final.1")
    x = layers.Dropout(0.1)(x)
    x = conv(x, num_classes, 1, bias=True, init="he", name="final.4")
    logits = ResizeLike("aligned", dtype="float32")(x, pixels)
    if not aux:
        return logits
    y = conv(f["stride16"], num_classes, 1, bias=True, init="he", name="aux_logits")
    return {"logits": logits, "aux": ResizeLike("aligned", dtype="float32")(y, pixels)}


def pspnet_smp(
    pixels, x, num_classes, *, encoder="resnet34", encoder_depth=3, decoder_use_norm=True
):
    """smp's `PSPNet`, by default on the encoder's map at stride 8.

    smp keeps the encoder's deeper stages without calling them. They are not built here, and their
    weights in smp's files are skipped: on a ResNet-34 with 11 classes, smp counts 21,484,075
    parameters, of which 1,547,307 are used.

    Args:
        encoder_depth: 3 to 5; the map is at stride 8, 16 or 32.
        decoder_use_norm: batch normalisation in the decoder.
    """
    smp.check_depth(encoder_depth)
    x = _smp_pyramid(skip(encode(encoder, x), 1 << encoder_depth), decoder_use_norm)
    x = smp.conv_bn_relu(x, 512, 1, "decoder.conv", decoder_use_norm)
    x = layers.SpatialDropout2D(0.2)(x)
    return smp.enlarged_head(x, pixels, num_classes, 3)
