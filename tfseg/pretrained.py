"""Trained networks that are public, by name. A new one is a row in PRETRAINED."""

from dataclasses import dataclass
from pathlib import Path

from tfseg.datasets import get_dataset
from tfseg.fetching import Source, Torch, fetch
from tfseg.labels import Labels


@dataclass(frozen=True)
class Pretrained:
    """A row of `PRETRAINED`.

    Attributes:
        model: network, as `tfseg.build` takes it.
        encoder: its encoder.
        dataset: data set whose classes it knows; a row of `DATASETS`.
        source: where its weights lie.
        licence: of the weights.
        miou: published mIoU in percent, single scale.
        scored: what that was measured on: the split, and the input's size.
        normalization: what pixels become.
    """

    model: str
    encoder: str
    dataset: str
    source: Source
    licence: str
    miou: float
    scored: str
    normalization: str = "imagenet"

    def labels(self) -> Labels:
        """The classes with their colours."""
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


PRETRAINED = {
    "fcn_resnet50_coco": _torchvision("fcn", "resnet50", "fcn_resnet50_coco-1167a1af", 60.5),
    "fcn_resnet101_coco": _torchvision("fcn", "resnet101", "fcn_resnet101_coco-7ecb50ca", 63.7),
    "deeplabv3_resnet50_coco": _torchvision(
        "deeplabv3", "resnet50", "deeplabv3_resnet50_coco-cd0a2569", 66.4
    ),
    "deeplabv3_resnet101_coco": _torchvision(
        "deeplabv3", "resnet101", "deeplabv3_resnet101_coco-586e9e4e", 67.4
    ),
}


def is_pretrained(name: str | Path | None) -> bool:
    """Whether this names a row; a file or folder of the same name comes first."""
    return str(name) in PRETRAINED and not Path(name).exists()


def fetch_pretrained(name: str, option: str) -> Path:
    """The file with a row's weights; `option` is the flag that named it. Raises `UserError`."""
    return fetch(PRETRAINED[name].source, f"--{option}={name}", "--checkpoint")
