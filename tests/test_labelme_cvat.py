"""Exports of labelme and CVAT, in their exact layout, compared by pixel."""

import base64

import numpy as np
import pytest
from helpers.tools import SIZE, check, filled, photo, write
from PIL import Image

from tfseg.datasets import get_dataset, recognise
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert

CLASSES = ("_background_", "cat", "dog")


def shape(label, points, kind="polygon"):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def labelme(path, *shapes, image=None, data=None, size=SIZE):
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": image or f"{path.stem}.jpg",
        "imageData": data,
        "imageHeight": size[0],
        "imageWidth": size[1],
    }
    return write(path, content)


BOX = [[4, 3], [20, 3], [20, 12], [4, 12]]


def test_labelme_every_shape(tmp_path):
    folder = tmp_path / "raw"
    first, second = photo(folder / "a.jpg"), photo(folder / "val" / "b.jpg", 1)
    labelme(
        folder / "a.json",
        shape("dog", BOX),
        shape("cat", [[30, 20], [10, 8]], "rectangle"),  # over the dog, lower right first
        shape("__ignore__", [[40, 30], [44, 34]], "rectangle"),
    )
    labelme(folder / "val" / "b.json", shape("cat", [[20, 20], [20, 25]], "circle"))
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    check(
        folder,
        "labelme",
        CLASSES,
        {
            "train": [
                (first, filled((3, 12, 4, 20, 2), (8, 20, 10, 30, 1), (30, 34, 40, 44, VOID)))
            ],
            "val": [
                # Pillow's ellipse slightly exceeds the radius at the corners of its pixels.
                (second, np.uint8(np.hypot(rows - 20, columns - 20) < 5.5)),
            ],
        },
    )


def test_labelme_splits_paths_and_embedded_images(tmp_path):
    folder = tmp_path / "raw"
    train = photo(folder / "images" / "a.png")
    val = photo(tmp_path / "elsewhere.png", 1)
    embedded = base64.b64encode((tmp_path / "elsewhere.png").read_bytes()).decode()
    labelme(folder / "train" / "a.json", shape("dog", BOX), image="..\\images\\a.png")
    labelme(folder / "valid" / "b.json", shape("cat", BOX), image="gone.png", data=embedded)
    write(folder / "labels.txt", "__ignore__\n_background_\ndog\ncat\n")
    wanted = {
        "train": [(train, filled((3, 12, 4, 20, 1)))],
        "val": [(val, filled((3, 12, 4, 20, 2)))],
    }
    check(folder, "labelme", ("_background_", "dog", "cat"), wanted)


def test_labelme_a_shape_that_moved_makes_new_records(tmp_path):
    folder = tmp_path / "raw"
    photo(folder / "a.jpg")
    labelme(folder / "a.json", shape("dog", BOX))
    convert(get_dataset("labelme", folder), folder, tmp_path / "out", workers=1)
    labelme(folder / "a.json", shape("dog", BOX[:3]))
    with pytest.raises(UserError, match="overwrite"):
        convert(get_dataset("labelme", folder), folder, tmp_path / "out", workers=1)


REFUSED = [
    (shape("cat", BOX[:2], "line"), "a.json: shape 1 (cat) is a line, which has no area; draw it"),
    (shape("cat", BOX, "linestrip"), "shape 1 (cat) is a linestrip, which has no area"),
    (shape("cat", BOX[:1], "point"), "shape 1 (cat) is a point, which has no area"),
    (shape("cat", BOX, "mask"), "shape 1 (cat) is a mask, which is not supported; draw it as a"),
    (shape("cat", BOX[:2]), "shape 1 (cat), a polygon, needs 3 or more points of two numbers"),
    (shape("cat", [[1, 2], [3, None], [4, 5]]), "needs 3 or more points of two numbers"),
    (shape("", BOX), "shape 1 has no label; give it one in labelme"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=range(len(REFUSED)))
def test_labelme_refuses_shapes(tmp_path, wrong, message):
    photo(tmp_path / "a.jpg")
    labelme(tmp_path / "a.json", wrong)
    with pytest.raises(UserError) as refused:
        get_dataset("labelme", tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)


def test_labelme_refuses_files(tmp_path):
    photo(tmp_path / "a.jpg")
    labelme(tmp_path / "a.json", shape("cat", BOX))
    labelme(tmp_path / "b.json", shape("cat", BOX))
    labelme(tmp_path / "c.json", shape("cat", BOX), image="a.jpg", size=SIZE[::-1])
    write(tmp_path / "d.json", "{")
    write(tmp_path / "e.json", {"a": 1})
    faults = []
    spec = get_dataset("labelme", tmp_path)
    frames = spec.list_frames(tmp_path, lambda message, spoils=True: faults.append(message))
    assert [frame.id for frame in frames["train"]] == ["a"]
    for fault, part in zip(
        faults,
        (
            "b.json: imagePath 'b.jpg' is not a file, and imageData holds no image; put the image",
            "c.json: imageHeight and imageWidth are 48 and 40, but ",
            "d.json is damaged or not JSON",
            "e.json is not a labelme file: it has no list of shapes; remove it",
        ),
        strict=True,
    ):
        assert part in fault
    write(tmp_path / "labels.txt", "dog\n")
    with pytest.raises(UserError, match=r"labels.txt lacks 'cat', which shapes have; add a line"):
        get_dataset("labelme", tmp_path)


LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
dog:250,50,83::
Cat 2:51,221,255::
"""
COLORS = ((0, 0, 0), (250, 50, 83), (51, 221, 255))
LABEL = filled((3, 12, 4, 20, 1), (8, 20, 10, 30, 2))


def cvat(folder, lists):
    """Writes an export with a colour mask per frame; `lists` is {list: names}."""
    images = {}
    write(folder / "labelmap.txt", LABELMAP)
    for listed, names in lists.items():
        write(
            folder / "ImageSets" / "Segmentation" / f"{listed}.txt",
            "".join(f"{n}\n" for n in names),
        )
        for name in names:
            images[name] = photo(folder / "JPEGImages" / f"{name}.jpg", len(images))
            for kind in ("SegmentationClass", "SegmentationObject"):
                path = folder / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.array(COLORS, np.uint8)[LABEL]).save(path)
    return images


def test_cvat(tmp_path):
    folder = tmp_path / "Task 1"
    images = cvat(folder, {"default": ["a b", "street/0001"], "Validation": ["c"]})
    wanted = {
        "train": [(images["a b"], LABEL), (images["street/0001"], LABEL)],
        "val": [(images["c"], LABEL)],
    }
    check(folder, "cvat", ("background", "dog", "Cat 2"), wanted)
    spec = get_dataset("cvat", folder)
    assert (spec.name, spec.colors) == ("task_1", COLORS)


def test_labelme2voc_is_no_voc(tmp_path):
    cvat(tmp_path, {"train": ["a"], "val": ["b"]})
    (tmp_path / "labelmap.txt").unlink()
    assert recognise(tmp_path) == ["voc2012"]
    write(tmp_path / "class_names.txt", "_background_\ncat\n")
    assert recognise(tmp_path) == []


def test_cvat_refuses(tmp_path):
    cvat(tmp_path, {"train": ["a", "b"], "boats": ["c"], "val": ["d"]})
    (tmp_path / "SegmentationClass" / "b.png").unlink()
    faults = []
    get_dataset("cvat", tmp_path).list_frames(
        tmp_path, lambda line, spoils=True: faults.append(line)
    )
    for fault, part in zip(
        faults,
        (
            "boats.txt: subset 'boats' is not a split; rename it train.txt or val.txt",
            "train.txt lists b, which SegmentationClass lacks; export it again",
            "1 masks are in no list and are skipped, e.g. c",
        ),
        strict=True,
    ):
        assert part in fault
    for path in (tmp_path / "JPEGImages").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="JPEGImages holds no images; export with Save images"):
        get_dataset("cvat", tmp_path).list_frames(tmp_path)
    for line, message in (
        ("dog:1,2:", r"line 1: wanted name:r,g,b:parts:actions, not 'dog:1,2:'"),
        ("a:1,2,3::\nb:1,2,3::", "line 2: b or its colour occurs twice; give each label its"),
        ("", "lists no labels; export it again"),
    ):
        write(tmp_path / "labelmap.txt", line)
        with pytest.raises(UserError, match=message):
            get_dataset("cvat", tmp_path)
