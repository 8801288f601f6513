"""Exports of annotation tools: the tools' own pixels, and faults that could stay silent."""

import numpy as np
import pytest
from helpers.tools import check, photo, write
from PIL import Image

from tfseg.datasets import get_dataset, labelme, yolo
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.frames import read_label

SIZE = (20, 30)
TRIANGLE = [[2, 2], [20, 2], [20, 15]]
TABLE = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:250,50,83::\n"

# Output of labelme 6.3.1's `shapes_to_label` for the polygon and the circle below.
LABELME = """
01000000000000
00122210000000
00222221111110
02222222111100
02222222111000
02222222110000
00222221100000
00022211000000
00000010000000
00000000000000
"""


def digits(text):
    return np.array([[int(digit) for digit in line] for line in text.split()], np.uint8)


def test_labelme_draws_its_own_pixels():
    shapes = (
        (1, "polygon", ((1.6, 0.4), (12.7, 2.5), (6.2, 8.9))),
        (2, "circle", ((4.5, 4.5), (4.5, 7.1))),
    )
    np.testing.assert_array_equal(labelme.draw((10, 14), shapes), digits(LABELME))


def draw_labelme(folder, points, kind="polygon", label="car"):
    photo(folder / "a.png", size=SIZE)
    shape = {"label": label, "points": points, "shape_type": kind}
    write(folder / "a.json", {"shapes": [shape], "imagePath": "a.png"})


def draw_coco(folder, ring=(2, 2, 20, 2, 20, 15), names=("car", "tree"), height=20, **wrong):
    photo(folder / "a.png", size=SIZE)
    image = {"id": 1, "file_name": "a.png", "height": height, "width": SIZE[1]}
    shape = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [list(ring)]} | wrong
    categories = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
    content = {"images": [image], "annotations": [shape], "categories": categories}
    write(folder / "a.json", content)


def draw_cvat(folder, mask, table=TABLE):
    photo(folder / "JPEGImages" / "a.jpg", size=SIZE)
    write(folder / "labelmap.txt", table)
    write(folder / "ImageSets" / "Segmentation" / "default.txt", "a\n")
    (folder / "SegmentationClass").mkdir()
    Image.fromarray(mask).save(folder / "SegmentationClass" / "a.png")


def draw_yolo(folder, line="0 .1 .1 .9 .1 .9 .9", names="[car, tree]"):
    photo(folder / "images" / "a.jpg", size=SIZE)
    write(folder / "labels" / "a.txt", line)
    write(folder / "data.yaml", f"names: {names}\ntrain: images\n")


def draw_roboflow(folder, mask, table):
    photo(folder / "train" / "a.jpg", size=SIZE)
    write(folder / "train" / "_classes.csv", f"Pixel Value, Class\n{table}")
    Image.fromarray(mask).save(folder / "train" / "a_mask.png")


def draw_label_studio(folder, points):
    photo(folder / "a.png", size=SIZE)
    region = {
        "id": "r", "type": "polygonlabels", "original_width": 30, "original_height": 20,
        "value": {"points": points, "polygonlabels": ["car"]},
    }  # fmt: skip
    task = {"id": 1, "annotations": [{"result": [region]}], "data": {"image": "a.png"}}
    write(folder / "all.json", [task])


def draw_labelme2voc(folder):
    draw_cvat(folder, np.zeros(SIZE, np.uint8))
    (folder / "ImageSets" / "Segmentation" / "default.txt").unlink()


REFUSED = [
    (
        "labelme", draw_labelme, ([[2, 2], [20, 2], [20, 15], [2, 15]], "rectangle"),
        "a.json: shape 1 (car), a rectangle, has 4 points, not 2; make it a polygon",
    ),
    (
        "labelme", draw_labelme, ([[9, 9], [12, 9], [3, 3]], "circle"),
        "a.json: shape 1 (car), a circle, has 3 points, not 2; make it a polygon",
    ),
    (
        "labelme", draw_labelme, ([[2, 2], [900, 2], [900, 700]],),
        "shape 1 (car), a polygon, has the point 900,2, outside its image of 20x30",
    ),
    (
        "labelme", draw_labelme, (TRIANGLE, "polygon", "_background_"),
        "has fewer than two classes: _background_; draw others",
    ),
    ("coco_json", draw_coco, ((2, 2, 2, 900, 9, 9),), "annotation 1 has the point 2,900, outside"),
    (
        "coco_json", draw_coco, ((2, 2, 9, 2, 9, 9), ("car", "tree"), "20"),
        "a.json: one of its images has height '20', not of type int; export it again",
    ),
    ("cvat", draw_cvat, (np.zeros(SIZE, np.uint8),), "a.png is L, not in the colours of labelmap"),
    ("yolo", draw_yolo, ("0 .1 .1 1.2 .1 .9 .9",), "line 1: points are not between 0 and 1"),
    ("yolo", draw_yolo, ("0.5 .1 .1 .9 .1 .9 .9",), "line 1: wanted class x y x y ..., only"),
    (
        "roboflow", draw_roboflow, (np.zeros(SIZE, np.uint8), "0, car\n1, car\n"),
        "_classes.csv has two values for one class; rename one in Roboflow",
    ),
    (
        "label_studio", draw_label_studio, ([[1, 1], [900, 1], [900, 90]],),
        "task 1, region r has the point 270,0.2, outside its image of 20x30",
    ),
    (
        "voc2012", draw_labelme2voc, (),
        "is not Pascal VOC 2012: it should hold ImageSets/Segmentation/train.txt",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "draw", "wrong", "message"), REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused(tmp_path, name, draw, wrong, message):
    draw(tmp_path, *wrong)
    with pytest.raises(UserError) as refused:
        get_dataset(name, tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [{"image_id": [1]}, {"category_id": "1"}, {"id": None}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_coco_ids_are_numbers(tmp_path, wrong):
    draw_coco(tmp_path, **wrong)
    with pytest.raises(UserError, match=r"a\.json: one of its annotations has .* not of type int"):
        get_dataset("coco_json", tmp_path)


def test_coco_images_have_ids_of_their_own(tmp_path):
    draw_coco(tmp_path)
    path = tmp_path / "a.json"
    twice = '"file_name": "a.png", "height": 20, "width": 30}'
    path.write_text(path.read_text().replace(twice, f'{twice}, {{"id": 1, {twice}'))
    with pytest.raises(UserError, match="two of its images have the id 1"):
        get_dataset("coco_json", tmp_path)


def seen(folder, name):
    """(classes, values of the only label) of a folder."""
    spec = get_dataset(name, folder)
    (frame,) = spec.list_frames(folder)["train"]
    return spec.classes, set(np.unique(read_label(frame).index).tolist())


def test_a_class_called_void_is_void(tmp_path):
    draw_coco(tmp_path / "coco", names=("void", "tree"))
    assert seen(tmp_path / "coco", "coco_json") == (("background", "tree"), {0, VOID})
    draw_yolo(tmp_path / "yolo", names="[ignore, tree]")
    assert seen(tmp_path / "yolo", "yolo") == (("background", "tree"), {0, VOID})
    mask = np.zeros(SIZE, np.uint8)
    mask[:3] = 1
    draw_roboflow(tmp_path / "robo", mask, "0, background\n1, unlabelled\n2, car\n")
    assert seen(tmp_path / "robo", "roboflow") == (("background", "car"), {0, VOID})
    color = np.zeros((*SIZE, 3), np.uint8)
    color[:3] = 224, 224, 192
    draw_cvat(tmp_path / "cvat", color, f"{TABLE}ignored:224,224,192::\n")
    assert seen(tmp_path / "cvat", "cvat") == (("background", "car"), {0, VOID})


def test_background_of_the_tool_is_class_0(tmp_path):
    draw_coco(tmp_path / "coco", names=("car", "Background"))
    assert seen(tmp_path / "coco", "coco_json") == (("Background", "car"), {0, 1})
    draw_yolo(tmp_path / "yolo", "1.0 .1 .1 1.0001 .1 .9 .9", "[background, tree]")
    assert seen(tmp_path / "yolo", "yolo") == (("background", "tree"), {0, 1})


def test_yolo_whole_frame_is_its_class(tmp_path):
    photo(tmp_path / "raw" / "images" / "a.png", size=SIZE)
    write(tmp_path / "raw" / "labels" / "a.txt", "1 0 0 1 0 1 1 0 1\n")
    write(tmp_path / "raw" / "data.yaml", "names: {0: car, 1: tree}\ntrain: images\nval: images\n")
    label = np.full(SIZE, 2, np.uint8)
    wanted = {split: [(None, label)] for split in ("train", "val")}
    check(tmp_path / "raw", "yolo", ("background", "car", "tree"), wanted)
    assert yolo.draw(SIZE, ()).max() == 0
