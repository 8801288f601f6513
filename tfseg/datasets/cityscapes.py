"""Cityscapes (Cordts et al. 2016, arXiv 1604.01685): 2048×1024 street scenes of 50 cities."""

from functools import partial
from typing import NamedTuple

from tfseg.datasets.coding import Values
from tfseg.datasets.files import not_here, pictures
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.labels import VOID

MARKS = ("leftImg8bit",)
WHERE = (
    "register at the Cityscapes site, fetch leftImg8bit_trainvaltest.zip and "
    "gtFine_trainvaltest.zip (or gtCoarse.zip and leftImg8bit_trainextra.zip), and unpack them "
    "into one folder, so that leftImg8bit and gtFine lie side by side"
)


class Label(NamedTuple):
    """A row of the authors' label table; classes with `train_id` 255 are not trained on."""

    id: int
    train_id: int
    name: str
    category: str
    has_instances: bool
    ignore_in_eval: bool
    color: tuple[int, int, int]


# Without the license plate (id -1), which occurs in no label image.
LABELS = (
    Label(0, 255, "unlabeled", "void", False, True, (0, 0, 0)),
    Label(1, 255, "ego vehicle", "void", False, True, (0, 0, 0)),
    Label(2, 255, "rectification border", "void", False, True, (0, 0, 0)),
    Label(3, 255, "out of roi", "void", False, True, (0, 0, 0)),
    Label(4, 255, "static", "void", False, True, (0, 0, 0)),
    Label(5, 255, "dynamic", "void", False, True, (111, 74, 0)),
    Label(6, 255, "ground", "void", False, True, (81, 0, 81)),
    Label(7, 0, "road", "flat", False, False, (128, 64, 128)),
    Label(8, 1, "sidewalk", "flat", False, False, (244, 35, 232)),
    Label(9, 255, "parking", "flat", False, True, (250, 170, 160)),
    Label(10, 255, "rail track", "flat", False, True, (230, 150, 140)),
    Label(11, 2, "building", "construction", False, False, (70, 70, 70)),
    Label(12, 3, "wall", "construction", False, False, (102, 102, 156)),
    Label(13, 4, "fence", "construction", False, False, (190, 153, 153)),
    Label(14, 255, "guard rail", "construction", False, True, (180, 165, 180)),
    Label(15, 255, "bridge", "construction", False, True, (150, 100, 100)),
    Label(16, 255, "tunnel", "construction", False, True, (150, 120, 90)),
    Label(17, 5, "pole", "object", False, False, (153, 153, 153)),
    Label(18, 255, "polegroup", "object", False, True, (153, 153, 153)),
    Label(19, 6, "traffic light", "object", False, False, (250, 170, 30)),
    Label(20, 7, "traffic sign", "object", False, False, (220, 220, 0)),
    Label(21, 8, "vegetation", "nature", False, False, (107, 142, 35)),
    Label(22, 9, "terrain", "nature", False, False, (152, 251, 152)),
    Label(23, 10, "sky", "sky", False, False, (70, 130, 180)),
    Label(24, 11, "person", "human", True, False, (220, 20, 60)),
    Label(25, 12, "rider", "human", True, False, (255, 0, 0)),
    Label(26, 13, "car", "vehicle", True, False, (0, 0, 142)),
    Label(27, 14, "truck", "vehicle", True, False, (0, 0, 70)),
    Label(28, 15, "bus", "vehicle", True, False, (0, 60, 100)),
    Label(29, 255, "caravan", "vehicle", True, True, (0, 0, 90)),
    Label(30, 255, "trailer", "vehicle", True, True, (0, 0, 110)),
    Label(31, 16, "train", "vehicle", True, False, (0, 80, 100)),
    Label(32, 17, "motorcycle", "vehicle", True, False, (0, 0, 230)),
    Label(33, 18, "bicycle", "vehicle", True, False, (119, 11, 32)),
)
TRAINED = sorted((label for label in LABELS if label.train_id != VOID), key=lambda r: r.train_id)


def spec(classes=19, labels="fine"):
    """`classes`: 19, or e-lab's 20, where class 0 is ignored pixels; `labels`: fine or coarse."""
    shown = {label.name: label.color for label in TRAINED}
    if classes == 20:
        shown = {"unlabeled": (0, 0, 0)} | shown
    name = "cityscapes" if classes == 19 else "cityscapes20"
    return DatasetSpec(
        name=name if labels == "fine" else f"{name}_coarse",
        title=f"Cityscapes, {labels} labels: 2048×1024 street scenes, {classes} classes",
        classes=tuple(shown),
        colors=tuple(shown.values()),
        frames=partial(_frames, kind="gtFine" if labels == "fine" else "gtCoarse", classes=classes),
        where=WHERE,
    )


def label_ids(classes):
    """The coding of label images with the ids of `LABELS`."""
    if classes == 20:
        return Values(tuple((r.id, 0 if r.train_id == VOID else r.train_id + 1) for r in LABELS))
    return Values(tuple((r.id, r.train_id) for r in LABELS))


def _frames(source, report, kind, classes):
    if not (source / "leftImg8bit").is_dir() or not (source / kind).is_dir():
        raise not_here(source, "Cityscapes", f"leftImg8bit and {kind}; {WHERE}")
    # The labels of test frames are not public.
    splits = [
        split for split in ("train", "train_extra", "val") if (source / kind / split).is_dir()
    ]
    coding = label_ids(classes)
    return {split: _split(source, kind, split, coding, report) for split in splits}


def _split(source, kind, split, coding, report):
    frames = []
    for city in sorted((source / kind / split).iterdir()):
        images = pictures(source / "leftImg8bit" / split / city.name, report, "_leftImg8bit")
        labels = pictures(city, report, f"_{kind}_labelIds")
        instances = pictures(city, report, f"_{kind}_instanceIds")
        for stem in sorted(images.keys() | labels.keys()):
            if stem in images and stem in labels:
                instance = instances.get(stem)
                frames.append(Frame(stem, images[stem], labels[stem], coding, instance))
            else:
                report(f"{images.get(stem) or labels[stem]} has no partner; add it or remove it")
    return frames
