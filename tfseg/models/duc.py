"""DUC and HDC (Wang et al. 2017, arXiv 1702.08502), with zijundeng's graph."""

from tfseg.encoders import encode
from tfseg.layers.blocks import bn_relu, conv
from tfseg.layers.pooling import PixelShuffle
from tfseg.layers.resize import FitLike


def _duc(pixels, x, num_classes, encoder, dilations):
    """Dense upsampling: 64 logits a class at stride 8 become 8×8 pixels (section 3.1)."""
    f = encode(encoder, x, output_stride=8, dilations=dilations)
    x = conv(f["stride32"], 64 * num_classes, 3, bias=True, init="torch", name="duc.conv")
    return FitLike()(PixelShuffle(8)(bn_relu(x, name="duc.bn")), pixels)


def duc(pixels, x, num_classes, *, encoder="resnet50"):
    """DUC on an encoder dilated by 2 and 4."""
    return _duc(pixels, x, num_classes, encoder, {3: (2,), 4: (4,)})


def duc_hdc(pixels, x, num_classes, *, encoder="resnet50"):
    """DUC with hybrid dilation, which leaves no holes in the field of view (section 3.2)."""
    return _duc(pixels, x, num_classes, encoder, {3: (1, 2, 5, 9), 4: (5, 9, 17)})
