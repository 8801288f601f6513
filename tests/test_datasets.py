"""Every known data set, drawn in its exact layout and encoding, compared by pixel."""

import numpy as np
import pytest
from helpers.raw import Raw
from helpers.raw_driving import (
    camvid_segnet,
    camvid_train_labels,
    cityscapes_fine,
    gta5,
    instances,
    vkitti_1,
    vkitti_2,
)
from helpers.raw_folders import EVERY, coco_panoptic, voc2012, voc2012_sbd
from helpers.records import pixels

from tfseg.datasets import DATASETS, camvid, cityscapes, get_dataset, recognise
from tfseg.errors import UserError
from tfseg.records.convert import convert
from tfseg.records.example import decode_about
from tfseg.records.reader import open_records


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
    assert set(records.splits) - {"val"} == set(raw.wanted) - {"val"}  # val may be held out
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
    # CamVid in folders with a table looks like a user's own folder.
    wanted = "folder" if draw is camvid_train_labels else EVERY[draw][0]
    assert recognise(tmp_path) == [wanted]
    if not EVERY[draw][1] and wanted != "folder":
        assert open_records(tmp_path).info.name == EVERY[draw][2]


# Data sets described only by their folder have their own tests.
TOOLS = {"class_masks", "labelme", "cvat", "coco_json", "yolo", "roboflow", "label_studio"}


@pytest.mark.parametrize("dataset", sorted(DATASETS.keys() - {"folder", "streets"} - TOOLS))
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
    ("camvid", {"sbd": True}, r"sbd is not an option of dataset=camvid; its options: classes"),
    ("cityscapes", {"labels": "corse"}, r"labels=corse: choose one of fine, coarse"),
    ("cityscapes", {"classes": 30}, r"classes=30: choose one of 19, 20"),
    ("vkitti", {"val_scene": "3"}, r"val_scene=3: choose one of 1, 2, 6, 18, 20"),
    ("coco", {"classes": 80}, r"classes=80: choose one of 171, 133"),
    ("gta5", {"classes": 19}, r"classes is not an option of dataset=gta5; its options: none"),
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
        with pytest.raises(UserError, match="SegNet edition, whose labels have only SegNet's 11"):
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
    (vkitti_1, damage_colors, r"rgb_encoding.txt: 'Lorry' is not a category or colour of Virtual"),
    (voc2012_sbd, damage_mat, r"2008_000002.mat is damaged or not a label of SBD"),
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
