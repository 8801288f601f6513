"""Draws raw folders of every data set in their exact layout and encoding; with a table of all."""

import json

import numpy as np
from scipy.io import savemat

from helpers.raw import SIZE
from helpers.raw_driving import (
    FOREIGN,
    camseq01,
    camvid_32,
    camvid_elab,
    camvid_elab_12,
    camvid_originals,
    camvid_segnet,
    camvid_segnet_12,
    camvid_train_labels,
    cityscapes_20,
    cityscapes_coarse,
    cityscapes_fine,
    gta5,
    gta5_without_split,
    vkitti_1,
    vkitti_2,
)
from tfseg.datasets import coco
from tfseg.labels import VOID


def ade20k(raw):
    rows = [(0, VOID), *((value, value - 1) for value in range(1, 151))]
    for split, name in (("training", "train"), ("validation", "val")):
        for i in range(4):
            stem, some = f"ADE_{name}_{i:08d}", rows[i * 38 : (i + 1) * 38]
            label = f"ADEChallengeData2016/annotations/{split}/{stem}.png"
            image = f"ADEChallengeData2016/images/{split}/{stem}.jpg"
            raw.frame(name, stem, image, label, some)


def coco_stuff(raw):
    """Values are ids minus one; an id that never occurs has no class."""
    rows = [(0, 0), (10, 10), (12, 11), (90 - 1, 79), (92 - 1, 80), (182 - 1, 170), (255, VOID)]
    for split in ("train", "val"):
        stem = f"{len(split):012d}"
        image, label = f"{split}2017/{stem}.jpg", f"stuffthingmaps/{split}2017/{stem}.png"
        raw.frame(split, stem, image, label, rows)


def coco_panoptic(raw):
    """A segment's id is its colour, R + 256 G + 65536 B; ids differ from image to image."""
    names = coco.category_names(133)
    index = {i: place for place, i in enumerate(names)}
    for split in ("train", "val"):
        annotations = []
        for i in range(2):
            stem, segments, rows = f"{i:012d}", [], [((0, 0, 0), VOID)]
            for k, category in enumerate((1, 90, 92, 200)):
                color, crowd = (k + 1, 2 * i + len(split), 200 + k), k == 1
                number = color[0] + 256 * color[1] + 65536 * color[2]
                segments.append({"id": number, "category_id": category, "iscrowd": int(crowd)})
                rows.append((color, VOID if crowd else index[category]))
            label = f"annotations/panoptic_{split}2017/{stem}.png"
            raw.frame(split, stem, f"{split}2017/{stem}.jpg", label, rows)
            annotations.append({"file_name": f"{stem}.png", "segments_info": segments})
        content = {
            "categories": [{"id": i, "name": name} for i, name in names.items()],
            "annotations": annotations,
        }
        path = raw.folder / f"annotations/panoptic_{split}2017.json"
        path.write_text(json.dumps(content))


VOC_ROWS = [*((i, i) for i in range(21)), (255, VOID)]


def voc2012(raw, inside="VOCdevkit/VOC2012/"):
    for split, names in (("train", ("2007_000032", "2007_000039")), ("val", ("2007_000033",))):
        for name in names:
            label = f"{inside}SegmentationClass/{name}.png"
            raw.frame(split, name, f"{inside}JPEGImages/{name}.jpg", label, VOC_ROWS, FOREIGN)
        listed = raw.folder / f"{inside}ImageSets/Segmentation/{split}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(names) + "\n")
    raw.image(f"{inside}JPEGImages/2007_000001.jpg")  # most of VOC's images have no label


def voc2012_sbd(raw):
    """SBD's frames that VOC does not label."""
    voc2012(raw)
    base = "benchmark_RELEASE/dataset"
    (raw.folder / base / "cls").mkdir(parents=True)
    for name in ("2007_000032", "2007_000033", "2008_000002"):
        values, index = raw.pick(VOC_ROWS[:-1])
        shown = raw.image(f"{base}/img/{name}.jpg")
        content = {"GTcls": {"Segmentation": values, "Boundaries": np.zeros(SIZE)}}
        savemat(raw.folder / base / "cls" / f"{name}.mat", content)
        if name == "2008_000002":
            raw.wanted["train"][name] = (shown, index)


# function that draws a folder: (data set, options, name of the records, classes)
EVERY = {
    camvid_segnet: ("camvid", {}, "camvid", 11),
    camvid_segnet_12: ("camvid", {"classes": 12}, "camvid12", 12),
    camvid_originals: ("camvid", {}, "camvid", 11),
    camvid_elab: ("camvid", {"mapping": "elab"}, "camvid_elab", 11),
    camvid_elab_12: ("camvid", {"mapping": "elab", "classes": 12}, "camvid_elab12", 12),
    camvid_32: ("camvid", {"classes": 32}, "camvid32", 32),
    camvid_train_labels: ("camvid", {}, "camvid", 11),
    camseq01: ("camseq01", {}, "camseq01", 11),
    cityscapes_fine: ("cityscapes", {}, "cityscapes", 19),
    cityscapes_20: ("cityscapes", {"classes": 20}, "cityscapes20", 20),
    cityscapes_coarse: ("cityscapes", {"labels": "coarse"}, "cityscapes_coarse", 19),
    vkitti_1: ("vkitti", {}, "vkitti", 14),
    vkitti_2: ("vkitti", {"val_scene": "01"}, "vkitti", 14),
    ade20k: ("ade20k", {}, "ade20k", 150),
    coco_stuff: ("coco", {}, "coco_stuff", 171),
    coco_panoptic: ("coco", {"classes": 133}, "coco_panoptic", 133),
    voc2012: ("voc2012", {}, "voc2012", 21),
    voc2012_sbd: ("voc2012", {"sbd": True}, "voc2012_aug", 21),
    gta5: ("gta5", {}, "gta5", 19),
    gta5_without_split: ("gta5", {}, "gta5", 19),
}
