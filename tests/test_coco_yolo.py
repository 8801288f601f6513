"""Exports in COCO's JSON and YOLO's text files, in their exact layout, compared by pixel."""

import numpy as np
import pytest
from helpers.tools import SIZE, check, check_faults, filled, photo, write
from pycocotools import mask as rle

from tfseg.datasets import get_dataset, recognise
from tfseg.errors import UserError
from tfseg.labels import VOID

CATEGORIES = [
    {"id": 7, "name": "dog", "supercategory": "animal"},
    {"id": 2, "name": "cat", "supercategory": "animal"},
]
H, W = SIZE


def ring(top, bottom, left, right):
    """A polygon that pycocotools fills as a box of pixels, ends inclusive."""
    return [left, top, right + 1, top, right + 1, bottom + 1, left, bottom + 1]


def compressed(*box):
    made = rle.encode(np.asfortranarray(filled((*box, 1))))
    return {"size": [H, W], "counts": made["counts"].decode()}


def uncompressed(*box):
    flat = filled((*box, 1)).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"size": [H, W], "counts": [0, *runs] if flat[0] else runs}


def coco(path, names, annotations, categories=CATEGORIES):
    images = [
        {"id": 10 + i, "file_name": name, "height": H, "width": W} for i, name in enumerate(names)
    ]
    listed = [
        {
            "id": i,
            "image_id": 10 + image,
            "category_id": category,
            "segmentation": segmentation,
            "area": 1,  # tools write it wrong
            "bbox": [0, 0, 1, 1],
            "iscrowd": int(isinstance(segmentation, dict)),
        }
        for i, (image, category, segmentation) in enumerate(annotations, 1)
    ]
    content = {"info": {}, "images": images, "annotations": listed, "categories": categories}
    return write(path, content)


def export(folder):
    """Writes polygons and both run-length codings; a small cat precedes the dog that it covers."""
    images = {
        "train": photo(folder / "images" / "train" / "a.jpg"),
        "val": photo(folder / "images" / "val" / "a.jpg", 1),
    }
    shapes = [
        (0, 2, [ring(5, 8, 5, 9)]),
        (0, 7, compressed(2, 20, 2, 30)),
        (0, 2, [ring(25, 28, 0, 4), ring(25, 28, 10, 14)]),
        (0, 7, uncompressed(30, 39, 40, 47)),
    ]
    coco(folder / "annotations" / "instances_train.json", ["a.jpg"], shapes)
    coco(
        folder / "annotations" / "instances_val.json", ["a.jpg"], [(0, 7, uncompressed(0, 3, 0, 3))]
    )
    return images


BOXES = ((2, 20, 2, 30), (5, 8, 5, 9), (25, 28, 0, 4), (25, 28, 10, 14), (30, 39, 40, 47))


@pytest.mark.parametrize("unlabelled", ["background", "void"])
def test_coco_json(tmp_path, unlabelled):
    folder = tmp_path / "raw"
    images = export(folder)
    rest, first = (0, 1) if unlabelled == "background" else (VOID, 0)
    index = [first + i for i in (1, 0, 0, 0, 1)]
    boxes = [(*box, i) for box, i in zip(BOXES, index, strict=True)]
    wanted = {
        "train": [(images["train"], filled(*boxes, background=rest))],
        "val": [(images["val"], filled((0, 3, 0, 3, first + 1), background=rest))],
    }
    classes = ("background", "cat", "dog")[first == 0 :]
    check(folder, "coco_json", classes, wanted, unlabelled=unlabelled)


def test_coco_json_next_to_the_images(tmp_path):
    folder = tmp_path / "raw"
    categories = [*CATEGORIES, {"id": 9, "name": "background"}]
    wanted = {}
    for split, place in (("train", "train"), ("val", "valid")):
        image = photo(folder / place / "b.png")
        path = folder / place / "_annotations.coco.json"
        coco(path, ["b.png"], [(0, 2, [ring(1, 2, 3, 4)])], categories)
        wanted[split] = [(image, filled((1, 2, 3, 4, 1)))]
    check(folder, "coco_json", ("background", "cat", "dog"), wanted)


COCO_REFUSED = [
    ((0, 2, []), "annotation 1 has only a box and no segmentation; draw its outline"),
    ((0, 2, [[1, 2, 3, 4]]), "annotation 1: a polygon is a list of x, y, x, y, ... of 3 or more"),
    ((0, 5, [ring(1, 2, 3, 4)]), "annotation 1 has category 5, which is not listed"),
    ((3, 2, [ring(1, 2, 3, 4)]), "annotation 1 is of image 13, which is not listed"),
    ((0, 2, {"size": [W, H], "counts": [W * H]}), "RLE has size [48, 40], but its image [40, 48]"),
    (
        (0, 2, {"size": [H, W], "counts": [5, 5]}),
        "the counts of its RLE are not 1920 pixels",
    ),
    ((0, 2, {"size": [H, W], "counts": "abc"}), "annotation 1: its compressed RLE is damaged"),
    ((0, 2, "abc"), "its RLE has size None"),
]


@pytest.mark.parametrize(("wrong", "message"), COCO_REFUSED, ids=range(len(COCO_REFUSED)))
def test_coco_json_refuses_annotations(tmp_path, wrong, message):
    photo(tmp_path / "a.jpg")
    coco(tmp_path / "all.json", ["a.jpg"], [wrong])
    with pytest.raises(UserError) as refused:
        get_dataset("coco_json", tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)


def test_coco_json_refuses_files(tmp_path):
    photo(tmp_path / "turned.jpg", size=(W, H))
    coco(tmp_path / "train.json", ["gone.jpg", "turned.jpg"], [])
    coco(tmp_path / "train_2.json", [], [])
    parts = (
        "train.json lists gone.jpg, which is not in the folder; add the image",
        "image turned.jpg: height and width are 40 and 48, but ",
        "train_2.json is a second file for train; keep one per split in ",
    )
    check_faults("coco_json", tmp_path, parts)
    coco(tmp_path / "val.json", [], [], CATEGORIES[:1])
    with pytest.raises(
        UserError, match=r"and train\.json have different categories; export them tog"
    ):
        get_dataset("coco_json", tmp_path)


def test_coco_itself_is_no_export(tmp_path):
    export(tmp_path)
    (tmp_path / "stuffthingmaps").mkdir()
    assert recognise(tmp_path) == ["coco"]


DATA = """path: .
train: images/train
val: [images/val]
test: images/test
nc: 2
names: {names}
"""


def yolo(folder, names="[dog, cat]", data=DATA):
    images = {
        split: photo(folder / "images" / split / "a.png", i)
        for i, split in enumerate(("train", "val"))
    }
    write(folder / "data.yaml", data.replace("{names}", names))
    return images


def line(index, top, bottom, left, right):
    """A line that OpenCV fills as a box of pixels, ends inclusive."""
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return " ".join([str(index), *(f"{(x + 0.5) / W} {(y + 0.5) / H}" for x, y in corners)])


@pytest.mark.parametrize("names", ["[dog, cat]", "{0: dog, 1: cat}"])
def test_yolo(tmp_path, names, capsys):
    folder = tmp_path / "raw"
    images = yolo(folder, names)
    lines = [line(1, 5, 8, 5, 9), line(0, 2, 20, 2, 30), line(1, 25, 39, 40, 47)]
    write(folder / "labels" / "train" / "a.txt", "\n".join(lines) + "\n")
    write(folder / "labels" / "val" / "a.txt", "")
    train = filled((2, 20, 2, 30, 1), (5, 8, 5, 9, 2), (25, 39, 40, 47, 2))
    wanted = {"train": [(images["train"], train)], "val": [(images["val"], filled())]}
    check(folder, "yolo", ("background", "dog", "cat"), wanted)
    assert "test is images/test, and" in capsys.readouterr().out


def test_yolo_of_roboflow_and_lists(tmp_path):
    folder = tmp_path / "raw"
    train, val = photo(folder / "train" / "images" / "a.jpg"), photo(folder / "v" / "b.jpg", 1)
    write(folder / "data.yaml", "train: ../train/images\nval: val.txt\nnames: ['dog', 'cat']\n")
    write(folder / "val.txt", "./v/b.jpg\n")
    write(folder / "train" / "labels" / "a.txt", line(0, 1, 2, 3, 4))
    write(folder / "v" / "b.txt", line(1, 1, 2, 3, 4))
    wanted = {"train": [(train, filled((1, 2, 3, 4, 1)))], "val": [(val, filled((1, 2, 3, 4, 2)))]}
    check(folder, "yolo", ("background", "dog", "cat"), wanted)


YOLO_REFUSED = [
    ("0 0.5 0.5 0.2 0.2", "a.txt, line 2 is only a box; export polygons (YOLO segmentation)"),
    ("0 0.5 0.5 0.2 0.2 0.3", "line 2 has 6 numbers; wanted class x y x y ... of 3 or more points"),
    ("2 0.1 0.1 0.2 0.1 0.2 0.2", "line 2 has class 2, but names has 0 to 1; correct one"),
    (
        "0 10 10 20 10 20 20",
        "line 2: points are not between 0 and 1; export points relative to the image's size",
    ),
    ("0 0.1 0.1 nan 0.1 0.2 0.2", "line 2: points are not between 0 and 1"),
    ("dog 0.1 0.1 0.2 0.1 0.2 0.2", "line 2: wanted class x y x y ..., only numbers; correct it"),
]


@pytest.mark.parametrize(("wrong", "message"), YOLO_REFUSED, ids=range(len(YOLO_REFUSED)))
def test_yolo_refuses_lines(tmp_path, wrong, message):
    yolo(tmp_path)
    write(tmp_path / "labels" / "train" / "a.txt", f"{line(0, 1, 2, 3, 4)}\n{wrong}\n")
    with pytest.raises(UserError) as refused:
        get_dataset("yolo", tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)


YAML_REFUSED = [
    (DATA.replace("nc: 2", "nc: 3"), "data.yaml: nc is 3, but names has 2; correct one"),
    (DATA.replace("{names}", "{1: a, 2: b}"), "names are not numbered 0 to 1; correct them"),
    (DATA.replace("{names}", "dog"), "data.yaml: names is not a list of classes; correct it"),
    (DATA.replace("path: .", "path: /gone"), "data.yaml: path /gone is not a folder; remove that"),
    (DATA.replace("images/train", "photos"), "train is photos, and "),
    (DATA.replace("{names}", "[a, a]"), "two classes are called 'a'; rename one in YOLO"),
    (DATA.replace("{names}", "[a"), "data.yaml is damaged or not YAML: "),
    (DATA, "1 images have no label file and are background, e.g. "),
]


@pytest.mark.parametrize(("data", "message"), YAML_REFUSED, ids=range(len(YAML_REFUSED)))
def test_yolo_refuses_tables(tmp_path, data, message):
    yolo(tmp_path, data=data)
    with pytest.raises(UserError) as refused:
        get_dataset("yolo", tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)
