"""CamVid (Brostow et al. 2008), in the SegNet authors' 480×360 edition with 11 classes."""

from tfseg.datasets.coding import indices
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec

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


MARKS = ("trainannot",)


def _frames(source, report):
    splits = [name for name in ("train", "val", "test") if (source / name).is_dir()]
    if not splits:
        wanted = "train/NAME.png and trainannot/NAME.png (val, valannot, ...)"
        raise not_here(source, "CamVid's SegNet edition", wanted)
    coding = indices(len(PALETTE), void=(len(PALETTE),))
    return {
        name: pair_folders(source / name, source / f"{name}annot", coding, report)
        for name in splits
    }


def spec():
    return DatasetSpec(
        name="camvid",
        title="CamVid, SegNet edition: 480×360 frames from a driving car, 11 classes",
        classes=tuple(PALETTE),
        colors=tuple(PALETTE.values()),
        frames=_frames,
    )
