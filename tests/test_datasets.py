"""Every data set of the field, drawn in its exact layout and encoding, to the last pixel."""

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.records import pixels
from PIL import Image
from scipy.io import savemat

from tfseg.datasets import DATASETS, camvid, cityscapes, coco, get_dataset, recognise
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.example import decode_about
from tfseg.records.reader import open_records

SIZE = (6, 8)


class Raw:
    """Draws a raw folder and keeps what must come of it: {split: {id: (image, label)}}."""

    def __init__(self, folder):
        self.folder, self.wanted, self.rng = folder, {}, np.random.default_rng(0)

    def save(self, path, pixels, palette=None):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels)
        if palette:
            picture.putpalette(palette)
        picture.save(path)
        return path

    def image(self, path, size=SIZE):
        """A picture of noise; returns what a decoder sees of it."""
        path = self.save(path, self.rng.integers(0, 256, (*size, 3), np.uint8))
        return tf.io.decode_image(path.read_bytes()).numpy()

    def pick(self, rows):
        """A label's places in `rows`, pairs of (raw, class index): raw pixels, and indices."""
        place = self.rng.integers(0, len(rows), SIZE)
        place.flat[: len(rows)] = np.arange(len(rows))[
            : place.size
        ]  # every row where there is room
        raw, index = (np.array(column, np.uint8)[place] for column in zip(*rows, strict=True))
        return raw, index

    def frame(self, split, name, image, label, rows, palette=None):
        raw, index = self.pick(rows)
        shown = self.image(image)
        self.save(label, raw, palette)
        self.wanted.setdefault(split, {})[name] = (shown, index)


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


# Cityscapes' labelIds and trainIds, as the authors' table has them.
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
    """Every car and van has a colour of its own, other ones in every drive."""
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


def ade20k(raw):
    rows = [(0, VOID), *((value, value - 1) for value in range(1, 151))]
    for split, name in (("training", "train"), ("validation", "val")):
        for i in range(4):
            stem, some = f"ADE_{name}_{i:08d}", rows[i * 38 : (i + 1) * 38]
            label = f"ADEChallengeData2016/annotations/{split}/{stem}.png"
            image = f"ADEChallengeData2016/images/{split}/{stem}.jpg"
            raw.frame(name, stem, image, label, some)


def coco_stuff(raw):
    """Values are ids less one; an id that never occurs has no class."""
    rows = [(0, 0), (10, 10), (12, 11), (90 - 1, 79), (92 - 1, 80), (182 - 1, 170), (255, VOID)]
    for split in ("train", "val"):
        stem = f"{len(split):012d}"
        image, label = f"{split}2017/{stem}.jpg", f"stuffthingmaps/{split}2017/{stem}.png"
        raw.frame(split, stem, image, label, rows)


def coco_panoptic(raw):
    """A segment's id is its colour, R + 256 G + 65536 B; ids differ from picture to picture."""
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
FOREIGN = [channel for i in range(256) for channel in (i // 2, 255 - i, 7)]


def voc2012(raw, inside="VOCdevkit/VOC2012/"):
    for split, names in (("train", ("2007_000032", "2007_000039")), ("val", ("2007_000033",))):
        for name in names:
            label = f"{inside}SegmentationClass/{name}.png"
            raw.frame(split, name, f"{inside}JPEGImages/{name}.jpg", label, VOC_ROWS, FOREIGN)
        listed = raw.folder / f"{inside}ImageSets/Segmentation/{split}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(names) + "\n")
    raw.image(f"{inside}JPEGImages/2007_000001.jpg")  # most of VOC's pictures have no label


def voc2012_sbd(raw):
    """Of SBD's frames, those that VOC has none of its own for."""
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


def gta5(raw, split=True):
    rows = [*IDS, (34, VOID)]
    for i in range(1, 5):
        name = {1: "train", 2: "val", 3: "test", 4: "train"}[i] if split else "train"
        image, label = (f"{kind}/{i:05d}.png" for kind in ("images", "labels"))
        raw.frame(name, f"{i:05d}", image, label, rows, FOREIGN)
    raw.image("images/00005.png", size=(5, 8))  # which is dropped
    raw.save("labels/00005.png", np.zeros(SIZE, np.uint8), FOREIGN)
    if split:
        lists = {"trainIds": [1, 4, 5], "valIds": [2], "testIds": [3]}
        savemat(raw.folder / "split.mat", {k: np.array(v)[:, None] for k, v in lists.items()})


def gta5_without_split(raw):
    gta5(raw, split=False)


# draws a folder: (data set, options, name of the records, classes)
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


@pytest.mark.parametrize("draw", EVERY, ids=lambda draw: draw.__name__)
def test_every_pixel(tmp_path, draw):
    dataset, options, name, classes = EVERY[draw]
    raw = Raw(tmp_path / "raw")
    raw.folder.mkdir()
    draw(raw)
    spec = get_dataset(dataset, raw.folder, **options)
    records = open_records(convert(spec, raw.folder, tmp_path / "out", workers=1))
    assert (records.info.name, len(records.info.classes)) == (name, classes)
    assert len(set(records.info.classes)) == classes
    assert set(records.splits) - {"val"} == set(raw.wanted) - {"val"}  # where val is held out
    for split, frames in raw.wanted.items():
        if "val" not in raw.wanted:
            continue
        assert len(records.splits[split]) == len(frames)
        for place, (_, (image, label)) in enumerate(sorted(frames.items())):
            found = pixels(records.splits[split], place)
            np.testing.assert_array_equal(found[0], image)
            np.testing.assert_array_equal(found[1], label)
    listed = spec.list_frames(raw.folder, report=lambda *_, **__: None)
    assert {s: sorted(f.id for f in frames) for s, frames in listed.items() if frames} == {
        s: sorted(frames) for s, frames in raw.wanted.items()
    }


@pytest.mark.parametrize("draw", EVERY, ids=lambda draw: draw.__name__)
def test_a_raw_folder_is_recognised(tmp_path, draw):
    raw = Raw(tmp_path)
    draw(raw)
    # CamVid in folders with a table is a folder like anyone's.
    wanted = "folder" if draw is camvid_train_labels else EVERY[draw][0]
    assert recognise(tmp_path) == [wanted]
    if not EVERY[draw][1] and wanted != "folder":
        assert open_records(tmp_path).info.name == EVERY[draw][2]


@pytest.mark.parametrize("dataset", sorted(DATASETS.keys() - {"folder", "streets"}))
@pytest.mark.parametrize("content", ["nothing", "something else"])
def test_another_folder_is_refused_and_told_what_is_wanted(tmp_path, dataset, content):
    if content == "something else":
        Raw(tmp_path).image("photos/a.png")
    with pytest.raises(UserError, match=f"source={tmp_path} is not .*: it should hold ") as refused:
        get_dataset(dataset).list_frames(tmp_path)
    assert "\n" not in str(refused.value)
    assert any(word in str(refused.value) for word in ("fetch", "is at the"))
    assert recognise(tmp_path) == []


def test_instances_are_kept(tmp_path):
    raw = Raw(tmp_path / "raw")
    cityscapes_fine(raw)
    records = open_records(convert(get_dataset("cityscapes"), raw.folder, tmp_path / "out"))
    serialized = records.splits["val"].read(1)
    wanted = instances("frankfurt_000001_000019")
    name, instance = decode_about(serialized)
    assert name == "frankfurt_000001_000019"
    np.testing.assert_array_equal(instance, wanted)


OPTIONS = [
    ("camvid", {"classes": 13}, r"classes=13: choose one of 11, 12, 32"),
    ("camvid", {"mapping": "e-lab"}, r"mapping=e-lab: choose one of segnet, elab"),
    ("camvid", {"classes": 32, "mapping": "elab"}, r"mapping=elab is for 11 or 12 classes"),
    ("camvid", {"sbd": True}, r"sbd is no option of dataset=camvid; its own: classes"),
    ("cityscapes", {"labels": "corse"}, r"labels=corse: choose one of fine, coarse"),
    ("cityscapes", {"classes": 30}, r"classes=30: choose one of 19, 20"),
    ("vkitti", {"val_scene": "3"}, r"val_scene=3: choose one of 1, 2, 6, 18, 20"),
    ("coco", {"classes": 80}, r"classes=80: choose one of 171, 133"),
    ("gta5", {"classes": 19}, r"classes is no option of dataset=gta5; its own: none"),
]


@pytest.mark.parametrize(("dataset", "options", "message"), OPTIONS)
def test_wrong_options_are_named(dataset, options, message):
    with pytest.raises(UserError, match=message):
        get_dataset(dataset, **options)


def test_camvids_colours_are_told_apart_by_two_bits_each():
    colors = np.array([color for color, *_ in camvid.ORIGINAL.values()])
    assert len(camvid.ORIGINAL) == 32
    assert len(set((colors >> 6) @ [16, 4, 1])) == 32
    for _, index, other in ((color, *rest) for color, *rest in camvid.ORIGINAL.values()):
        assert index in {*camvid.PALETTE, "void"}
        assert other in {*camvid.ELAB, "void"}


def test_the_small_camvid_has_no_other_classes(tmp_path):
    raw = Raw(tmp_path)
    camvid_segnet(raw)
    for options in ({"classes": 32}, {"mapping": "elab"}):
        with pytest.raises(UserError, match="SegNet edition, whose labels know SegNet's eleven"):
            get_dataset("camvid", **options).list_frames(tmp_path)


def test_cityscapes_table_is_the_official_one():
    official = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    theirs = [
        (row.id, row.trainId, row.name, row.category, row.hasInstances, row.ignoreInEval, row.color)
        for row in official
        if row.id >= 0
    ]
    assert [tuple(row) for row in cityscapes.LABELS] == theirs


def break_file(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def damage_panoptic(folder):
    break_file(folder / "annotations/panoptic_val2017.json", '"tree-merged"', '"shrub"')


def damage_colors(folder):
    path = folder / "vkitti_1.3.1_scenegt/0020_15-deg-left_scenegt_rgb_encoding.txt"
    break_file(path, "Van:3", "Lorry:3")


def damage_mat(folder):
    (folder / "benchmark_RELEASE/dataset/cls/2008_000002.mat").write_bytes(b"MATLAB 5.0" * 30)


def damage_split(folder):
    (folder / "split.mat").write_bytes(b"x" * 200)


DAMAGES = [
    (
        coco_panoptic,
        damage_panoptic,
        r"panoptic_val2017.json: category 184 is 'shrub', not 'tree-m",
    ),
    (vkitti_1, damage_colors, r"rgb_encoding.txt: 'Lorry' is no category or colour of Virtual KI"),
    (voc2012_sbd, damage_mat, r"2008_000002.mat is damaged or no label of SBD"),
    (gta5, damage_split, r"split.mat is not GTA5's split.mat: .*; remove it"),
    (vkitti_1, lambda f: next(f.rglob("*encoding.txt")).unlink(), r"encoding.txt is missing"),
    (cityscapes_fine, lambda f: next(f.rglob("*labelIds.png")).unlink(), r"leftImg8bit.png has no"),
    (vkitti_2, lambda f: next(f.rglob("classgt*.png")).unlink(), r"rgb_00003.jpg has no partner"),
    (voc2012, lambda f: next(f.rglob("SegmentationClass/*_000033.png")).unlink(), r"val.txt lists"),
    (coco_panoptic, lambda f: next(f.rglob("panoptic_val2017/*.png")).unlink(), r"json lists 0000"),
]


@pytest.mark.parametrize(("draw", "damage", "message"), DAMAGES)
def test_what_is_wrong_is_named_with_its_file(tmp_path, draw, damage, message):
    raw = Raw(tmp_path / "raw")
    draw(raw)
    damage(raw.folder)
    dataset, options, *_ = EVERY[draw]
    with pytest.raises(UserError, match=message) as refused:
        convert(get_dataset(dataset, **options), raw.folder, tmp_path / "out", workers=1)
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "out").rglob("*.*"))
