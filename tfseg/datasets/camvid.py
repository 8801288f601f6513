"""CamVid (Brostow et al. 2008), in the SegNet authors' 480×360 edition with 11 classes."""

from tfseg.datasets.files import pair_folders
from tfseg.datasets.spec import VOID, DatasetSpec
from tfseg.errors import UserError

# The display colours of the SegNet authors' scripts.
PALETTE = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}


def _frames(source):
    splits = [name for name in ("train", "val", "test") if (source / name).is_dir()]
    if not splits:
        raise UserError(
            f"--source={source} is not CamVid's SegNet edition: it should hold "
            f"train/NAME.png and trainannot/NAME.png (val, valannot, ...)"
        )
    return {name: pair_folders(source / name, source / f"{name}annot") for name in splits}


SPEC = DatasetSpec(
    name="camvid",
    title="CamVid, SegNet edition: 480×360 frames from a driving car, 11 classes",
    classes=tuple(PALETTE),
    colors=tuple(PALETTE.values()),
    values={**{index: index for index in range(len(PALETTE))}, 11: VOID},
    frames=_frames,
)
