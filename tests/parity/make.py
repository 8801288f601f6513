"""Makes parity cases: a reference network with weights by rule, and its outputs.

Needs PyTorch and the package of the reference, which tfseg itself does not need:

    python tests/parity/make.py encoder_efficientnet_lite0   # or several, or none for all

A new case is a row in CASES and a row in `PARITY` of tests/helpers/networks.py.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rule
import torch
from openmmlab import mmsegmentation
from references import efficientnet_lite, regnet, residual, segformer, smp

SIZE = (64, 96)
PIXELS = {  # mean and standard deviation for pixels in 0..255
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "efficientnet_lite": ((127,) * 3, (128,) * 3),
    "symmetric": ((127.5,) * 3, (127.5,) * 3),
}


@dataclass
class Case:
    """A reference.

    Attributes:
        make: -> a PyTorch module, and a function of it and an image -> outputs by name, NCHW.
        note: source of the reference.
        strides: output -> step of the rows and columns to keep, 1 by default.
        gain: gain of the convolutions' weights; larger if activations should reach a limit, smaller
            if they would grow from block to block.
        size: size of the image.
    """

    make: object
    note: str
    strides: dict
    normalization: str = "imagenet"
    seed: int = 0
    gain: float = 1.0
    size: tuple = SIZE


KEPT = {"stride2": 4, "stride4": 4, "stride8": 2}
CASES = {
    "encoder_resnext50_32x4d": Case(
        residual("torchvision", "resnext50_32x4d"), "torchvision; outputs of layer1..layer4", KEPT
    ),
    "encoder_resnext50_32x4d_dilated": Case(
        residual(
            "torchvision", "resnext50_32x4d", replace_stride_with_dilation=[False, True, True]
        ),
        "torchvision, replace_stride_with_dilation=[False, True, True]; outputs of layer1..layer4",
        dict.fromkeys(("stride4", "stride8", "stride16", "stride32"), 4),
    ),
    "encoder_wide_resnet50_2": Case(
        residual("torchvision", "wide_resnet50_2"), "torchvision; outputs of layer1..layer4", KEPT
    ),
    "encoder_seresnet50": Case(
        residual("timm", "seresnet50"), "timm; outputs of layer1..layer4", KEPT
    ),
    "encoder_se_resnet50": Case(
        residual("smp", "se_resnet50"), "smp's encoder; outputs at strides 4..32", KEPT
    ),
    "encoder_se_resnext50_32x4d": Case(
        residual("smp", "se_resnext50_32x4d"), "smp's encoder; outputs at strides 4..32", KEPT
    ),
    "encoder_regnet_y_400mf": Case(regnet("regnet_y_400mf"), "torchvision", KEPT),
    "encoder_regnet_x_400mf": Case(regnet("regnet_x_400mf"), "torchvision", KEPT),
    "encoder_efficientnet_lite0": Case(
        efficientnet_lite("efficientnet-lite0", {2: 0, 4: 2, 8: 4, 16: 10, 32: 15}),
        "efficientnet_lite_pytorch 0.1.0, outputs of the last block at each stride",
        {"stride2": 4, "stride4": 2},
        "efficientnet_lite",
        gain=2.0,
    ),
    "encoder_efficientnet_lite4": Case(
        efficientnet_lite("efficientnet-lite4", {2: 0, 4: 4, 8: 8, 16: 20, 32: 29}),
        "efficientnet_lite_pytorch 0.1.0, outputs of the last block at each stride",
        {"stride2": 4, "stride4": 2},
        "efficientnet_lite",
        gain=2.0,
    ),
    "unet_scse_resnet18": Case(
        *smp(
            "Unet",
            encoder_depth=4,
            decoder_channels=(128, 64, 32, 16),
            decoder_attention_type="scse",
        )
    ),
    # smp's options, with the smallest forms.
    "fpn_cat_resnet18": Case(*smp("FPN", decoder_merge_policy="cat")),
    "unet_bilinear_resnet18": Case(
        *smp(
            "Unet",
            encoder_depth=3,
            decoder_channels=(64, 32, 16),
            decoder_interpolation="bilinear",
            decoder_use_norm=False,
        ),
        size=(75, 101),
    ),
    "unetplusplus_narrow_resnet18": Case(
        *smp(
            "UnetPlusPlus",
            encoder_depth=3,
            decoder_channels=(64, 32, 16),
            decoder_attention_type="scse",
        )
    ),
    "manet_narrow_resnet18": Case(
        *smp("MAnet", encoder_depth=3, decoder_channels=(64, 32, 16), decoder_use_norm=False)
    ),
    "linknet_smp_shallow_resnet18": Case(*smp("Linknet", encoder_depth=3, decoder_use_norm=False)),
    "pan_narrow_resnet18": Case(*smp("PAN", encoder_depth=3, decoder_channels=16)),
    "upernet_narrow_resnet18": Case(
        *smp("UPerNet", encoder_depth=3, decoder_channels=64, decoder_use_norm=False)
    ),
    "deeplabv3_smp_narrow_resnet18": Case(*smp("DeepLabV3", encoder_depth=4, decoder_channels=32)),
    "deeplabv3plus_smp_narrow_resnet18": Case(
        *smp("DeepLabV3Plus", encoder_depth=4, decoder_channels=32)
    ),
    "pspnet_smp_deep_resnet18": Case(
        *smp("PSPNet", encoder_depth=4, upsampling=16, decoder_use_norm=False)
    ),
    "segformer_smp_shallow_resnet18": Case(*smp("Segformer", encoder_depth=3)),
    "unetplusplus_resnet18": Case(*smp("UnetPlusPlus")),
    "unetplusplus_scse_resnet18": Case(*smp("UnetPlusPlus", decoder_attention_type="scse")),
    "manet_resnet18": Case(*smp("MAnet")),
    "linknet_smp_resnet18": Case(*smp("Linknet")),
    "fpn_resnet18": Case(*smp("FPN")),
    "pan_resnet18": Case(*smp("PAN"), size=(128, 160)),  # it accepts no smaller one
    "upernet_resnet18": Case(*smp("UPerNet")),
    "pspnet_smp_resnet18": Case(*smp("PSPNet")),
    "deeplabv3_smp_resnet18": Case(*smp("DeepLabV3")),
    "deeplabv3plus_smp_resnet18": Case(*smp("DeepLabV3Plus")),
    "segformer_mit_b0": Case(
        segformer((2, 2, 2, 2), (32, 64, 160, 256)),
        "transformers 5.24.0, SegformerForSemanticSegmentation; resized, align_corners=False",
        {"logits": 2},
    ),
    "segformer_smp_mit_b1": Case(*smp("Segformer", "mit_b1")),
    "segformer_smp_narrow_mit_b0": Case(
        *smp("Segformer", "mit_b0", decoder_segmentation_channels=64)
    ),
    "segformer_smp_resnet34": Case(*smp("Segformer", "resnet34")),
    "unet_mit_b0": Case(*smp("Unet", "mit_b0")),
    "unet_mit_b0_odd": Case(*smp("Unet", "mit_b0"), size=(75, 101)),
    # Encoders that smp takes from timm, with timm's key names and timm's rule of dilation.
    "fpn_efficientnet_lite0": Case(
        *smp("FPN", "tu-tf_efficientnet_lite0"), normalization="efficientnet_lite"
    ),
    # Encoders of smp itself, whose names stand for Keras' encoders here.
    "unet_timm_efficientnet_b0": Case(*smp("Unet", "timm-efficientnet-b0")),
    "fpn_timm_efficientnet_lite0": Case(
        *smp("FPN", "timm-tf_efficientnet_lite0"), normalization="symmetric"
    ),
    "deeplabv3_smp_efficientnet_b0": Case(*smp("DeepLabV3", "efficientnet-b0")),
    "fpn_efficientnet_b1": Case(*smp("FPN", "efficientnet-b1")),
    "deeplabv3plus_smp_mobilenet_v2": Case(*smp("DeepLabV3Plus", "mobilenet_v2")),
    "unet_regnetx_002": Case(*smp("Unet", "timm-regnetx_002")),
    "deeplabv3plus_smp_regnety_002": Case(*smp("DeepLabV3Plus", "timm-regnety_002")),
    "upernet_convnext_tiny": Case(*smp("UPerNet", "tu-convnext_tiny", decoder_channels=64)),
    "deeplabv3plus_smp_mobilenetv3_large": Case(*smp("DeepLabV3Plus", "tu-mobilenetv3_large_100")),
    "unet_tf_mobilenetv3_small": Case(
        *smp("Unet", "timm-mobilenetv3_small_100"), normalization="symmetric"
    ),
    "pan_tf_efficientnetv2_s": Case(
        *smp("PAN", "tu-tf_efficientnetv2_s"), normalization="symmetric", size=(128, 160)
    ),
    "fpn_efficientnetv2_rw_s": Case(*smp("FPN", "tu-efficientnetv2_rw_s")),
    "dpt_vit_tiny": Case(
        *smp("DPT", "tu-vit_tiny_patch16_224", dynamic_img_size=True), normalization="symmetric"
    ),
    "dpt_add_deit_tiny_distilled": Case(
        *smp(
            "DPT",
            "tu-deit_tiny_distilled_patch16_224",
            decoder_readout="add",
            dynamic_img_size=True,
        )
    ),
    "ddrnet23_slim": Case(
        mmsegmentation(
            "ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py", ("logits", "aux")
        ),
        "mmsegmentation 1.2.2",
        {"logits": 4, "aux": 8},
    ),
    "pidnet_s": Case(
        mmsegmentation(
            "pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes.py",
            ("aux", "logits", "boundary"),
            aligned=True,
        ),
        "mmsegmentation 1.2.2",
        {"logits": 4, "aux": 8, "boundary": 4},
    ),
    "pidnet_l": Case(
        mmsegmentation(
            "pidnet/pidnet-l_2xb6-120k_1024x1024-cityscapes.py",
            ("aux", "logits", "boundary"),
            aligned=True,
        ),
        "mmsegmentation 1.2.2",
        {"logits": 4, "aux": 8, "boundary": 4},
    ),
    "bisenetv2": Case(
        mmsegmentation(
            "bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py",
            ("logits", "aux", "aux2", "aux3", "aux4"),
        ),
        "mmsegmentation 1.2.2",
        dict.fromkeys(("logits", "aux", "aux2", "aux3", "aux4"), 8),
    ),
    "fast_scnn": Case(
        mmsegmentation(
            "fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py", ("logits", "aux", "aux2")
        ),
        "mmsegmentation 1.2.2",
        {"logits": 4, "aux": 8, "aux2": 8},
    ),
    "hrnet_w18": Case(
        mmsegmentation("ocrnet/ocrnet_hr18_4xb2-160k_cityscapes-512x1024.py", ("logits", "aux")),
        "mmsegmentation 1.2.2",
        {"logits": 4, "aux": 8},
        gain=0.25,
    ),
}


def make(name, folder=Path(__file__).parent):
    """Writes a case's two files."""
    row = CASES[name]
    torch.manual_seed(0)
    module, answer = row.make()
    state = module.state_dict()
    case = {
        "name": name, "seed": row.seed, "gain": row.gain, "size": row.size,
        "normalization": row.normalization, "classes": 11, "note": row.note,
        "keys": [[key, list(value.shape)] for key, value in state.items()],
    }  # fmt: skip
    weights = {key: torch.from_numpy(np.array(v)) for key, v in rule.state_dict(case).items()}
    module.load_state_dict(weights)
    module.eval()
    mean, deviation = (np.array(v, np.float32) for v in PIXELS[row.normalization])
    pixels = (rule.image(case).astype(np.float32) - mean) / deviation
    outputs = answer(module, torch.from_numpy(pixels.transpose(0, 3, 1, 2)))
    sum(value.sum() for value in outputs.values()).backward()
    # A port lacks modules that are never called, which smp's networks have.
    case["parameters"] = sum(p.numel() for p in module.parameters() if p.grad is not None)
    arrays = {key: value.detach().numpy().transpose(0, 2, 3, 1) for key, value in outputs.items()}
    steps = {key: row.strides.get(key, 1) for key in arrays}
    case["outputs"] = {k: {"shape": a.shape, "stride": steps[k]} for k, a in arrays.items()}
    kept = {key: array[:, :: steps[key], :: steps[key]] for key, array in arrays.items()}
    (folder / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")))
    np.savez_compressed(folder / f"{name}.npz", **kept)
    print(name, {key: float(np.abs(array).max()) for key, array in arrays.items()})


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name)
