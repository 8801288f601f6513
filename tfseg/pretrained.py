"""Trained public networks by name. To add one, add a row to PRETRAINED."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfseg.config import NetworkConfig
from tfseg.datasets import get_dataset
from tfseg.errors import UserError
from tfseg.fetching import Hub, Source, Torch, fetch
from tfseg.labels import Labels


@dataclass(frozen=True)
class Pretrained:
    """A row of `PRETRAINED`.

    Attributes:
        model: network, a name of `tfseg.build`.
        encoder: its encoder.
        dataset: data set of its classes, a row of `DATASETS`.
        source: location of its weights.
        licence: licence of the weights.
        miou: published mIoU in percent, single scale; None if no source states one.
        scored: split and input size of that measurement.
        normalization: normalisation of pixels.
        decoder_channels: as in `tfseg.build`; None is the network's default.
    """

    model: str
    encoder: str
    dataset: str
    source: Source
    licence: str
    miou: float | None
    scored: str
    normalization: str = "imagenet"
    decoder_channels: tuple[int, ...] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """How its network is built: a config's fields."""
        names = ("model", "encoder", "normalization", "decoder_channels")
        return {name: getattr(self, name) for name in names}

    def labels(self) -> Labels:
        """The classes and their colours."""
        spec = get_dataset(self.dataset)
        return Labels(spec.name, spec.classes, spec.colors)


def _torchvision(model, encoder, file, miou):
    return Pretrained(
        model,
        encoder,
        "voc2012",
        Torch(f"https://download.pytorch.org/models/{file}.pth"),
        "BSD-3-Clause",
        miou,
        "COCO val2017, VOC's classes, shorter side 520",
    )


def _segformer(number, trained, revision, miou, sha256=None, file="pytorch_model.bin"):
    dataset, size = ("ade20k", trained[-3:]) if "ade" in trained else ("cityscapes", "1024")
    repository = f"nvidia/segformer-b{number}-finetuned-{trained}"
    return Pretrained(
        "segformer",
        f"mit_b{number}",
        dataset,
        Hub(repository, revision, sha256, file),
        "NVIDIA's, non-commercial",
        miou,
        f"{'ADE20K' if dataset == 'ade20k' else 'Cityscapes'} val, trained on crops of {size}",
    )


def _smp_segformer(number, trained, revision, miou):
    """The authors' weights, in the form and with the mathematics of smp."""
    size, data = re.match(r"(\d+)x\d+-(ade|city)-", trained).groups()
    dataset, split = {"ade": ("ade20k", "ADE20K"), "city": ("cityscapes", "Cityscapes")}[data]
    return Pretrained(
        "segformer_smp",
        f"mit_b{number}",
        dataset,
        Hub(f"smp-hub/segformer-b{number}-{trained}", revision),
        "NVIDIA's, non-commercial",
        miou,
        f"{split} val, trained on crops of {size}; the authors' network",
        decoder_channels=(768,) if number > 1 else None,
    )


# mIoU from torchvision's tables of weights and SegFormer's paper (arXiv 2105.15203), table 1a. A
# checksum is given only if two public sources state it; else the commit pins the file.
PRETRAINED = {
    "fcn_resnet50_coco": _torchvision("fcn", "resnet50", "fcn_resnet50_coco-1167a1af", 60.5),
    "fcn_resnet101_coco": _torchvision("fcn", "resnet101", "fcn_resnet101_coco-7ecb50ca", 63.7),
    "deeplabv3_resnet50_coco": _torchvision(
        "deeplabv3", "resnet50", "deeplabv3_resnet50_coco-cd0a2569", 66.4
    ),
    "deeplabv3_resnet101_coco": _torchvision(
        "deeplabv3", "resnet101", "deeplabv3_resnet101_coco-586e9e4e", 67.4
    ),
    "segformer_b0_ade20k": _segformer(
        0,
        "ade-512-512",
        "489d5cd81a0b59fab9b7ea758d3548ebe99677da",
        37.4,
        "6ae39addd01de6b1b8bde2cf677d43a5cd733424b8d186de3f95d1c51fee23f9",
        "model.safetensors",
    ),
    "segformer_b1_ade20k": _segformer(
        1, "ade-512-512", "a775b4f5dcb2179e57006dca0e268281306412ef", 42.2
    ),
    "segformer_b2_ade20k": _segformer(
        2,
        "ade-512-512",
        "de01bae28967510f9ddd496c60a969357195400c",
        46.5,
        "187ca07bea003a5717c63d04ea90b07f33cd033c0ebf44b4b89fce5070d6c8f3",
    ),
    "segformer_b3_ade20k": _segformer(
        3, "ade-512-512", "a820c29fc1e53723079d94ca0e09a14d2657fae6", 49.4
    ),
    "segformer_b4_ade20k": _segformer(
        4, "ade-512-512", "2641fd1e2893964d8d473d8cf65a906cb0bff071", 50.3
    ),
    "segformer_b5_ade20k": _segformer(
        5, "ade-640-640", "739f5d4692954e4a185eac280dec1ba5a7d52f1d", 51.0
    ),
    "segformer_b0_cityscapes": _segformer(
        0,
        "cityscapes-1024-1024",
        "21b3847fae21ddee674abd31129307b6a1235bd9",
        76.2,
        "027ed78d8ff9c535df5a66361c92b9673cca3cb923cbeb8c5802385b6b93194c",
    ),
    "segformer_b1_cityscapes": _segformer(
        1, "cityscapes-1024-1024", "ec86afeba68e656629ccf47e0c8d2902f964917b", 78.5
    ),
    "segformer_b2_cityscapes": _segformer(
        2, "cityscapes-1024-1024", "d633b2072669ca68d8f8e309de9b52bfdbf6bf72", 81.0
    ),
    "segformer_b3_cityscapes": _segformer(
        3, "cityscapes-1024-1024", "e32d217cf8896f7db77c8395d265785600cb037f", 81.7
    ),
    "segformer_b4_cityscapes": _segformer(
        4, "cityscapes-1024-1024", "76306c5b0d7433c06afe9576680ef19f8406bc9c", 82.3
    ),
    "segformer_b5_cityscapes": _segformer(
        5, "cityscapes-1024-1024", "2c6f153e4c23c229e2fa2b188eb250607e030cd8", 82.4
    ),
    "smp_segformer_b2_ade20k": _smp_segformer(
        2, "512x512-ade-160k", "eede3b6b6fbcf0779246e57c1d26360de56accbb", 46.5
    ),
    "smp_segformer_b5_ade20k": _smp_segformer(
        5, "640x640-ade-160k", "b2ec390b0ecec6143b3b87cf6b3d79e0836bd8a3", 51.0
    ),
    "smp_segformer_b1_cityscapes": _smp_segformer(
        1, "1024x1024-city-160k", "1477e955d4ae5529ef8e84551790deabb91934c8", 78.5
    ),
    "smp_segformer_b2_cityscapes": _smp_segformer(
        2, "1024x1024-city-160k", "8f15bc9cee2ae5c8aa495a76b962d2cee4442a3b", 81.0
    ),
    "smp_dpt_large_ade20k": Pretrained(
        "dpt",
        "vit_large_patch16_384",
        "ade20k",
        Hub("smp-hub/dpt-large-ade20k", "41c9420e58edc0557e9563bc8b5d10bb5aee6d3a"),
        "MIT",
        None,
        "–",
        "symmetric",
    ),
}


def is_pretrained(name: str | Path | None) -> bool:
    """Whether `name` is a row; a file or folder of the same name has priority."""
    return str(name) in PRETRAINED and not Path(name).exists()


def check_settings(config: NetworkConfig) -> None:
    """Raises `UserError` for a flag that a trained network defines."""
    for option in config.group("model"):
        if option in config.given:
            raise UserError(
                f"--{option}={getattr(config, option)}: {config.model} is trained, and has its "
                f"own; leave it out"
            )


def fetch_model(config: NetworkConfig) -> None:
    """Fetches the weights if the config names a row. Raises `UserError`."""
    if config.model in PRETRAINED:
        check_settings(config)
        if not config.checkpoint:
            fetch_pretrained(config.model, "model")


def fetch_pretrained(name: str, option: str) -> Path:
    """Fetches the file of a row's weights; messages name the flag `option`. Raises `UserError`."""
    return fetch(PRETRAINED[name].source, f"--{option}={name}", "--checkpoint")
