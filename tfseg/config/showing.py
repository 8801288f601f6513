"""The flags of the commands that list networks and draw runs."""

from dataclasses import dataclass
from pathlib import Path

from tfseg.config.words import ENCODER
from tfseg.flags import Config, flag
from tfseg.parsing import folders, path, size, switch


@dataclass(frozen=True)
class ModelsConfig(Config):
    """List the networks with their parameters, GFLOPs and papers, or show one of them."""

    name: str = flag(None, "show this network stage by stage", path="network")
    encoder: str = flag(None, ENCODER, path="encoder")
    size: tuple = flag((360, 480), "input size for the GFLOPs, HxW in pixels", size)
    num_classes: int = flag(19, "number of classes", int, low=1)
    plot: Path = flag(None, "PNG file for a diagram of --name", path, fetch=False, publish=True)
    pretrained: bool = flag(False, "list trained public networks", switch)


@dataclass(frozen=True)
class PlotConfig(Config):
    """Draw the training curves of one run or several: mIoU, loss and learning rate."""

    run: tuple = flag(
        None, "folders of training runs, e.g. runs/a,runs/b, or last, or best", folders, path="runs"
    )
    output: Path = flag(Path("curves.png"), "PNG file to write", path, fetch=False, publish=True)
