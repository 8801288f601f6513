"""The table of networks: builder, source and encoders of each."""

from collections.abc import Callable
from dataclasses import dataclass

from tfseg.encoders import ENCODERS
from tfseg.models import (
    bisenetv2,
    ddrnet,
    deconvnet,
    deeplab,
    dpt,
    duc,
    enet,
    fast_scnn,
    fcn,
    fpn,
    gcn,
    hrnet,
    learn_segmentation,
    linknet,
    manet,
    pan,
    pidnet,
    pspnet,
    refinenet,
    segformer,
    segnet,
    smp,
    unet,
    unetplusplus,
    upernet,
)


@dataclass(frozen=True)
class Architecture:
    """A row of `MODELS`.

    Attributes:
        network: (pixels, x, num_classes, *, options) -> logits, or {"logits", "aux"}. `pixels`
            gives the size, `x` is the input of the first layer.
        paper: authors, year and arXiv number, or another source.
        encoders: the names its `encoder` option accepts; none if its encoder is fixed.
        keys: translation of a public checkpoint's keys to layer names; see `tfseg.weights`.
        smallest: the shortest side that it accepts, in pixels.
        output_stride: stride of its coarsest map with default options.
        samples: passes with dropout that prediction averages by default; 0 is one pass without
            dropout.
    """

    network: Callable
    paper: str
    encoders: tuple[str, ...] = ()
    keys: tuple = ()
    smallest: int = 32
    output_stride: int = 32
    samples: int = 0


ANY = tuple(name for name, row in ENCODERS.items() if row.channels[1])  # several strides
VIT = tuple(name for name in ENCODERS if name not in ANY)
HALVING = tuple(name for name, row in ENCODERS.items() if row.channels[0])  # a map at stride 2
DILATED = tuple(name for name, row in ENCODERS.items() if row.dilates)
STEM = pspnet.KEYS  # zijundeng's names of a ResNet's first layers

_LINKNET = "Chaurasia and Culurciello 2017, arXiv 1707.03718"
_FCN = "Long et al. 2015, arXiv 1411.4038"
_SEGNET = "Badrinarayanan et al. 2015, arXiv 1511.00561"
_SEGFORMER = "Xie et al. 2021, arXiv 2105.15203"
_DDRNET = "Hong et al. 2021, arXiv 2101.06085"
_PIDNET = "Xu et al. 2022, arXiv 2206.02066"
_HRNET = "Sun et al. 2019, arXiv 1904.04514; OCR: Yuan et al. 2019, arXiv 1909.11065"
_LEARN = "LearnSegmentation (TensorFlow 1)"

MODELS = {
    "linknet": Architecture(linknet.linknet, _LINKNET, HALVING, linknet.KEYS),
    "linknet_residual": Architecture(linknet.linknet_residual, _LINKNET, HALVING, linknet.KEYS),
    "linknet_nobypass": Architecture(linknet.linknet_nobypass, _LINKNET, HALVING, linknet.KEYS),
    "linknet_smp": Architecture(linknet.linknet_smp, f"{_LINKNET}, smp's", HALVING, smp.KEYS),
    "fcn32s": Architecture(fcn.fcn32s, _FCN, ANY, fcn.KEYS),
    "fcn16s": Architecture(fcn.fcn16s, _FCN, ANY, fcn.KEYS),
    "fcn8s": Architecture(fcn.fcn8s, _FCN, ANY, fcn.KEYS),
    "fcn": Architecture(
        fcn.fcn, f"{_FCN}, torchvision's", DILATED, fcn.TORCHVISION_KEYS, output_stride=8
    ),
    "segnet": Architecture(segnet.segnet, _SEGNET),
    "segnet_basic": Architecture(segnet.segnet_basic, _SEGNET, output_stride=16),
    "bayesian_segnet": Architecture(
        segnet.bayesian_segnet,
        "Kendall et al. 2015, arXiv 1511.02680",
        samples=8,  # in the paper, six are enough to beat weights without dropout
    ),
    "segnet_plain": Architecture(
        learn_segmentation.segnet_plain, _LEARN, smallest=61, output_stride=8
    ),
    "segnet_connected": Architecture(
        learn_segmentation.segnet_connected, _LEARN, smallest=61, output_stride=8
    ),
    "segnet_gated": Architecture(
        learn_segmentation.segnet_gated, _LEARN, smallest=61, output_stride=8
    ),
    "fcn_autoencoder": Architecture(
        learn_segmentation.fcn_autoencoder, _LEARN, smallest=61, output_stride=8
    ),
    "cae": Architecture(learn_segmentation.cae, _LEARN, smallest=61, output_stride=4),
    "deconvnet": Architecture(
        deconvnet.deconvnet, "Noh et al. 2015, arXiv 1505.04366", smallest=224
    ),
    "enet": Architecture(enet.enet, "Paszke et al. 2016, arXiv 1606.02147", output_stride=8),
    "unet": Architecture(
        unet.unet,
        "Ronneberger et al. 2015, arXiv 1505.04597",
        ANY,
        unet.KEYS,
        output_stride=16,
    ),
    "unet_subpixel": Architecture(
        unet.unet_subpixel, "U-Net's decoder, slim; Shi et al. 2016, arXiv 1609.05158", HALVING
    ),
    "unetplusplus": Architecture(
        unetplusplus.unetplusplus, "Zhou et al. 2018, arXiv 1807.10165", HALVING, unetplusplus.KEYS
    ),
    "manet": Architecture(manet.manet, "Fan et al. 2020, IEEE Access 8, 179656", HALVING, smp.KEYS),
    "fpn": Architecture(fpn.fpn, "Kirillov et al. 2019, arXiv 1901.02446", ANY, smp.KEYS),
    "pan": Architecture(
        pan.pan, "Li et al. 2018, arXiv 1805.10180", DILATED, smp.DILATED_KEYS, output_stride=16
    ),
    "upernet": Architecture(upernet.upernet, "Xiao et al. 2018, arXiv 1807.10221", ANY, smp.KEYS),
    "pspnet": Architecture(
        pspnet.pspnet, "Zhao et al. 2016, arXiv 1612.01105", DILATED, STEM, output_stride=8
    ),
    "pspnet_smp": Architecture(
        pspnet.pspnet_smp,
        "Zhao et al. 2016, arXiv 1612.01105, smp's",
        ANY,
        smp.KEYS,
        output_stride=8,
    ),
    "gcn": Architecture(gcn.gcn, "Peng et al. 2017, arXiv 1703.02719", HALVING, gcn.KEYS),
    "duc": Architecture(
        duc.duc, "Wang et al. 2017, arXiv 1702.08502", DILATED, STEM, output_stride=8
    ),
    "duc_hdc": Architecture(
        duc.duc_hdc, "Wang et al. 2017, arXiv 1702.08502", DILATED, STEM, output_stride=8
    ),
    "deeplabv3": Architecture(
        deeplab.deeplabv3,
        "Chen et al. 2017, arXiv 1706.05587",
        DILATED,
        deeplab.KEYS,
        output_stride=8,
    ),
    "deeplabv3plus": Architecture(
        deeplab.deeplabv3plus,
        "Chen et al. 2018, arXiv 1802.02611",
        DILATED,
        deeplab.KEYS,
        output_stride=16,
    ),
    "deeplabv3_smp": Architecture(
        deeplab.deeplabv3_smp,
        "Chen et al. 2017, arXiv 1706.05587, smp's",
        DILATED,
        deeplab.SMP_KEYS,
        output_stride=8,
    ),
    "deeplabv3plus_smp": Architecture(
        deeplab.deeplabv3plus_smp,
        "Chen et al. 2018, arXiv 1802.02611, smp's",
        DILATED,
        smp.DILATED_KEYS,
        output_stride=16,
    ),
    "dpt": Architecture(dpt.dpt, "Ranftl et al. 2021, arXiv 2103.13413", VIT, dpt.KEYS),
    "refinenet": Architecture(refinenet.refinenet, "Lin et al. 2016, arXiv 1611.06612", ANY),
    "segformer": Architecture(segformer.segformer, _SEGFORMER, ANY, segformer.KEYS),
    "segformer_smp": Architecture(
        segformer.segformer_smp, f"{_SEGFORMER}, smp's", ANY, segformer.KEYS
    ),
    "fast_scnn": Architecture(
        fast_scnn.fast_scnn, "Poudel et al. 2019, arXiv 1902.04502", keys=fast_scnn.KEYS
    ),
    "bisenetv2": Architecture(
        bisenetv2.bisenetv2, "Yu et al. 2020, arXiv 2004.02147", keys=bisenetv2.KEYS
    ),
    "ddrnet23_slim": Architecture(
        ddrnet.ddrnet23_slim, _DDRNET, keys=ddrnet.KEYS, output_stride=64
    ),
    "ddrnet23": Architecture(ddrnet.ddrnet23, _DDRNET, keys=ddrnet.KEYS, output_stride=64),
    "pidnet_s": Architecture(pidnet.pidnet_s, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "pidnet_m": Architecture(pidnet.pidnet_m, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "pidnet_l": Architecture(pidnet.pidnet_l, _PIDNET, keys=pidnet.KEYS, output_stride=64),
    "hrnet_w18": Architecture(hrnet.hrnet_w18, _HRNET, keys=hrnet.KEYS),
    "hrnet_w48": Architecture(hrnet.hrnet_w48, _HRNET, keys=hrnet.KEYS),
}
