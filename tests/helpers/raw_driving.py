"""Draws raw folders of the driving data sets in their exact layout and encoding."""

import numpy as np
from scipy.io import savemat

from helpers.raw import SIZE
from tfseg.datasets import camvid
from tfseg.labels import VOID

# CamVid's classes by hand: colour, SegNet's index, e-lab's index.
CAMVID = [
    ((128, 128, 128), 0, 10),  # Sky
    ((128, 0, 0), 1, 1),  # Building
    ((64, 192, 0), 1, 2),  # Wall: Building to one, Fence to the other
    ((192, 192, 128), 2, 6),  # Column_Pole
    ((128, 64, 128), 3, 0),  # Road
    ((128, 0, 192), 3, 0),  # LaneMkgsDriv
    ((0, 0, 192), 4, 4),  # Sidewalk
    ((192, 192, 0), 5, 3),  # VegetationMisc
    ((128, 128, 64), 6, 5),  # Misc_Text
    ((64, 64, 128), 7, 2),  # Fence
    ((64, 128, 192), 8, 7),  # SUVPickupTruck
    ((64, 64, 0), 9, 8),  # Pedestrian
    ((0, 128, 192), 10, 9),  # Bicyclist
    ((192, 128, 64), VOID, 8),  # Child
    ((128, 64, 64), VOID, 7),  # OtherMoving
    ((0, 0, 0), VOID, VOID),  # Void
]


SEGNET = [(color, index) for color, index, _ in CAMVID]
ELAB = [(color, index) for color, _, index in CAMVID]


def camvid_segnet(raw, void=VOID, inside="CamVid/"):
    rows = [*((i, i) for i in range(11)), (11, void)]
    for split, name in (("train", "0001TP_006690"), ("val", "0016E5_07959"), ("test", "Seq05VD_1")):
        places = (f"{inside}{folder}/{name}.png" for folder in (split, f"{split}annot"))
        raw.frame(split, name, *places, rows)


def camvid_segnet_12(raw):
    camvid_segnet(raw, void=11, inside="")


def camvid_originals(raw, rows=SEGNET):
    for split, name in (
        ("train", "0001TP_008520"), ("test", "0001TP_008550"), ("train", "0006R0_f01290"),
        ("train", "0016E5_07958"), ("val", "0016E5_07959"), ("val", "0016E5_08159"),
        ("train", "0016E5_08161"), ("test", "Seq05VD_f02610"),
    ):  # fmt: skip
        label = f"LabeledApproved_full/{name}_L.png"
        raw.frame(split, name, f"701_StillsRaw_full/{name}.png", label, rows)


def camvid_elab(raw):
    camvid_originals(raw, ELAB)


def camvid_elab_12(raw):
    camvid_originals(raw, [(color, 0 if i == VOID else i + 1) for color, i in ELAB])


def camvid_32(raw):
    camvid_originals(raw, [(c, i) for i, (c, *_) in enumerate(camvid.ORIGINAL.values())])


def camvid_train_labels(raw):
    (raw.folder / "class_dict.csv").write_text("name,r,g,b\nAnimal,64,128,64\nRoad,128,64,128\n")
    for split, name in (("train", "0001TP_006690"), ("val", "0016E5_07959"), ("test", "Seq05VD_1")):
        label = f"{split}_labels/{name}_L.png"
        raw.frame(split, name, f"{split}/{name}.png", label, SEGNET)


def camseq01(raw):
    for name in ("0016E5_07959", "0016E5_07961", "0016E5_08159"):
        raw.frame("train", name, f"{name}.png", f"{name}_L.png", SEGNET)


# Cityscapes' labelIds and trainIds from the authors' table.
TRAINED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
IDS = [(i, TRAINED.index(i) if i in TRAINED else VOID) for i in range(34)]


def cityscapes_fine(raw, rows=IDS, kind="gtFine", splits=("train", "val")):
    for split, city in zip(splits, ("aachen", "frankfurt", "x-ville"), strict=False):
        for frame in ("000000_000019", "000001_000019"):
            name = f"{city}_{frame}"
            image = f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png"
            start = f"{kind}/{split}/{city}/{name}_{kind}_"
            raw.frame(split, name, image, start + "labelIds.png", rows)
            raw.save(start + "color.png", np.zeros((*SIZE, 3), np.uint8))
            raw.save(start + "instanceIds.png", instances(name))
            (raw.folder / f"{start}polygons.json").write_text("{}")


def instances(name):
    return (np.arange(48, dtype=np.uint16).reshape(SIZE) * 700 + len(name)).astype(np.uint16)


def cityscapes_20(raw):
    cityscapes_fine(raw, [(i, 0 if index == VOID else index + 1) for i, index in IDS])


def cityscapes_coarse(raw):
    cityscapes_fine(raw, kind="gtCoarse", splits=("train", "val", "train_extra"))


VKITTI = [
    (210, 0, 200), (90, 200, 255), (0, 199, 0), (90, 240, 0), (140, 140, 140), (100, 60, 100),
    (250, 100, 255), (255, 255, 0), (200, 200, 0), (255, 130, 0), (80, 80, 80), (160, 60, 60),
    (255, 127, 80), (0, 139, 139),
]  # fmt: skip


def vkitti_1(raw):
    """Every car and van has its own colour, different in every drive."""
    for drive, (world, variation) in enumerate((("0001", "clone"), ("0020", "15-deg-left"))):
        cars = [(20 + drive, 30, 40), (20 + drive, 30, 41)]
        table = dict(zip(VKITTI[:12], range(12), strict=True)) | {cars[0]: 12, cars[1]: 13}
        del table[250, 100, 255]
        table[255, 100, 255] = 6  # version 1's guard rails
        names = [
            "Terrain", "Sky", "Tree", "Vegetation", "Building", "Road", "GuardRail", "TrafficSign",
            "TrafficLight", "Pole", "Misc", "Truck", "Car:0", "Van:3",
        ]  # fmt: skip
        start = f"vkitti_1.3.1_scenegt/{world}"
        for frame in ("00000", "00001"):
            raw.frame(
                "train" if world == "0001" else "val",
                f"{world}/{variation}/{frame}",
                f"vkitti_1.3.1_rgb/{world}/{variation}/{frame}.png",
                f"{start}/{variation}/{frame}.png",
                list(table.items()),
            )
        lines = [f"{names[i]} {r} {g} {b}" for (r, g, b), i in table.items()]
        path = raw.folder / f"{start}_{variation}_scenegt_rgb_encoding.txt"
        path.write_text("\n".join(["Category(:id) r g b", *lines]) + "\n")


def vkitti_2(raw):
    rows = [*((color, i) for i, color in enumerate(VKITTI)), ((0, 0, 0), VOID)]
    for scene, split in (("Scene01", "val"), ("Scene18", "train"), ("Scene20", "train")):
        for camera in ("Camera_0", "Camera_1"):
            start = f"{scene}/clone/frames"
            raw.frame(
                split,
                f"{scene}/clone/{camera}/00003",
                f"{start}/rgb/{camera}/rgb_00003.jpg",
                f"{start}/classSegmentation/{camera}/classgt_00003.png",
                rows,
            )


FOREIGN = [channel for i in range(256) for channel in (i // 2, 255 - i, 7)]


def gta5(raw, split=True):
    rows = [*IDS, (34, VOID)]
    for i in range(1, 5):
        name = {1: "train", 2: "val", 3: "test", 4: "train"}[i] if split else "train"
        image, label = (f"{kind}/{i:05d}.png" for kind in ("images", "labels"))
        raw.frame(name, f"{i:05d}", image, label, rows, FOREIGN)
    raw.image("images/00005.png", size=(5, 8))  # dropped
    raw.save("labels/00005.png", np.zeros(SIZE, np.uint8), FOREIGN)
    if split:
        lists = {"trainIds": [1, 4, 5], "valIds": [2], "testIds": [3]}
        savemat(raw.folder / "split.mat", {k: np.array(v)[:, None] for k, v in lists.items()})


def gta5_without_split(raw):
    gta5(raw, split=False)
