"""Exports of Roboflow and Label Studio, in their exact layout, compared by pixel."""

import numpy as np
import pytest
from helpers.tools import SIZE, check, check_faults, filled, photo, write
from PIL import Image

from tfseg.datasets import get_dataset, recognise
from tfseg.errors import UserError

H, W = SIZE
TABLE = "Pixel Value, Class\n0, background\n1, dog\n2, cat\n"
LABEL = filled((2, 20, 2, 30, 1), (5, 8, 5, 9, 2))


def roboflow(folder, split, name, seed=0, table=TABLE):
    write(folder / split / "_classes.csv", table)
    image = photo(folder / split / f"{name}.jpg", seed)
    Image.fromarray(LABEL).save(folder / split / f"{name}_mask.png")
    return image


def test_roboflow(tmp_path):
    folder = tmp_path / "raw"
    wanted = {
        split: [(roboflow(folder, place, f"a_jpg.rf.{i}", i), LABEL)]
        for i, (split, place) in enumerate((("train", "train"), ("val", "valid"), ("test", "test")))
    }
    check(folder, "roboflow", ("background", "dog", "cat"), wanted)


ROBOFLOW_REFUSED = [
    ("filename, dog\n", "_classes.csv: wanted columns Pixel Value, Class, not filename, dog"),
    (
        "Pixel Value, Class\n300, a\n",
        "line 2: wanted a pixel value of 0 to 255 that no other class",
    ),
    ("Pixel Value, Class\n1, a\n1, b\n", "line 3: wanted a pixel value of 0 to 255 that no other"),
    ("Pixel Value, Class\n", "_classes.csv lists no classes; export it again"),
]


@pytest.mark.parametrize(("table", "message"), ROBOFLOW_REFUSED, ids=range(len(ROBOFLOW_REFUSED)))
def test_roboflow_refuses_tables(tmp_path, table, message):
    roboflow(tmp_path, "train", "a", table=table)
    with pytest.raises(UserError) as refused:
        get_dataset("roboflow", tmp_path)
    assert message in str(refused.value)


def test_roboflow_refuses_folders(tmp_path):
    roboflow(tmp_path, "train", "a")
    roboflow(tmp_path, "boats", "b")
    with pytest.raises(UserError, match="boats is not a split; rename it train, valid or test"):
        get_dataset("roboflow", tmp_path).list_frames(tmp_path)
    roboflow(tmp_path, "valid", "c", table=TABLE.replace("cat", "cow"))
    with pytest.raises(UserError, match="have different classes; export them together"):
        get_dataset("roboflow", tmp_path)
    write(tmp_path / "multi" / "train" / "_classes.csv", "filename, dog\n")
    assert recognise(tmp_path / "multi") == []


def brush(inside):
    """Label Studio's coding of a mask, in blocks of one repeated value or several values."""
    rgba = np.repeat(np.uint8(inside)[..., None] * 255, 4, -1).ravel()
    lengths = (3, 4, 8, 16)  # bits of a block's length
    bits = f"{rgba.size:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in lengths)
    runs = np.split(rgba, np.flatnonzero(np.diff(rgba)) + 1)
    for place, run in enumerate(runs):
        size = next(i for i, n in enumerate(lengths) if len(run) <= 1 << n)
        repeats = place % 3 > 0  # some of each kind
        bits += f"{int(repeats)}{size:02b}{len(run) - 1:0{lengths[size]}b}"
        bits += f"{run[0]:08b}" * (1 if repeats else len(run))
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def region(kind, labels, size=SIZE, **value):
    return {
        "id": "Dx_aB3dIKW",
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": size[1],
        "original_height": size[0],
        "image_rotation": 0,
        "value": {**value, kind: labels},
    }


def polygon(label, top, bottom, left, right, **more):
    """A polygon in percent that pycocotools fills as a box of pixels, ends inclusive."""
    corners = ((left, top), (right + 1, top), (right + 1, bottom + 1), (left, bottom + 1))
    points = [[100 * x / W, 100 * y / H] for x, y in corners]
    return region("polygonlabels", [label], points=points, closed=True) | more


def stroke(label, rle):
    return region("brushlabels", [label], format="rle", rle=rle)


def task(number, image, *results, **more):
    annotation = {"id": number, "result": list(results), "was_cancelled": False}
    given = {"id": number, "annotations": [annotation], "data": {"image": image}, "project": 1}
    return given | more


def test_label_studio(tmp_path, capsys):
    folder = tmp_path / "raw"
    for name in "abc":
        photo(folder / "images" / f"{name}.png")
    blob = np.hypot(*(np.mgrid[:H, :W] - 15)) < 9
    choice = {"id": "x", "type": "choices", "value": {"choices": ["sunny"]}}
    tasks = [
        task(
            1,
            "/data/upload/3/0a1b2c3d-a.png",
            polygon("dog", 2, 20, 2, 30),
            stroke("cat", brush(blob)),
            choice,
        ),
        task(
            2,
            "/data/local-files/?d=images/b.png",
            stroke("cat", brush(blob)),
            polygon("dog", 5, 8, 5, 9),
        ),
        task(3, "s3://bucket/c.png"),
        task(4, "/data/upload/3/d.png", annotations=[]),
    ]
    write(folder / "project-1-at-2026-01-01-10-00-00aa.json", tasks)
    first = filled((2, 20, 2, 30, 2))
    first[blob] = 1
    second = np.uint8(blob)
    second[5:9, 5:10] = 2
    assert recognise(folder) == ["label_studio"]
    frames = get_dataset("label_studio", folder).list_frames(folder)["train"]
    assert "1 tasks have no annotation and are skipped" in capsys.readouterr().out
    assert [frame.id for frame in frames] == ["images/a", "images/b", "images/c"]
    for frame, label in zip(frames, (first, second, filled()), strict=True):
        np.testing.assert_array_equal(frame.label(), label)


def test_label_studio_is_converted(tmp_path):
    folder = tmp_path / "raw"
    shape = polygon("dog", 2, 20, 2, 30)
    for name in "ab":
        photo(folder / f"{name}.png")
    tasks = [task(i, f"/data/upload/1/{name}.png", shape) for i, name in enumerate("ab")]
    write(folder / "tasks.json", tasks)
    frames = [(None, filled((2, 20, 2, 30, 1)))]  # the other one is held out
    check(folder, "label_studio", ("background", "dog"), {"train": frames, "val": frames})


BOX = (1, 2, 3, 4)
STUDIO_REFUSED = [
    (
        [region("rectanglelabels", ["dog"])],
        "region Dx_aB3dIKW is rectanglelabels, which is not supported",
    ),
    (
        [region("keypointlabels", ["dog"])],
        "is keypointlabels, which is not supported; use a polygon",
    ),
    (
        [polygon("dog", *BOX, image_rotation=90)],
        "its image was rotated in Label Studio; rotate the",
    ),
    ([polygon("dog", *BOX, original_width=None)], "lacks original_width and original_height"),
    ([polygon("dog", *BOX, original_width=47)], "original_height and original_width are 40 and 47"),
    ([region("polygonlabels", ["a", "b"], points=[])], "has 2 labels; give it one"),
    ([region("polygonlabels", ["a"], points=[[1, 2]])], "needs 3 or more points of two numbers"),
    ([stroke("a", [0, 0, 0, 8])], "its rle is not a brush of 40x48 pixels (height x width)"),
    ([stroke("a", brush(np.ones((2, 2))))], "(height x width): it holds 16 values of 8 bits"),
    ([stroke("a", brush(LABEL)[:-9])], "it ends too early; export it again"),
    ([stroke("a", None)], "is a brush without rle; export it again"),
    ([], "has no polygons and no brush strokes; draw some and export again"),
]


@pytest.mark.parametrize(("results", "message"), STUDIO_REFUSED, ids=range(len(STUDIO_REFUSED)))
def test_label_studio_refuses_regions(tmp_path, results, message):
    photo(tmp_path / "a.png")
    write(tmp_path / "tasks.json", [task(1, "/data/upload/1/a.png", *results)])
    with pytest.raises(UserError) as refused:
        get_dataset("label_studio", tmp_path).list_frames(tmp_path)
    assert message in str(refused.value)


def test_label_studio_refuses_tasks(tmp_path):
    photo(tmp_path / "a.png")
    photo(tmp_path / "b" / "twice.png")
    photo(tmp_path / "c" / "twice.png")
    good = task(1, "a.png", polygon("dog", *BOX))
    tasks = [
        good,
        task(2, "gone.png"),
        task(3, "twice.png"),
        task(4, "a.png", annotations=good["annotations"] * 2),
        task(5, "a.png", data={"text": "hello"}),
        task(6, "a.png"),
    ]
    write(tmp_path / "tasks.json", tasks)
    parts = (
        "task 2: gone.png is not in the folder; put the image there",
        "task 3: twice.png may be ",
        "task 4 has 2 annotations; keep one of them",
        "task 5 names no image in its data; name it data.image",
        "task 6: another task has ",
    )
    check_faults("label_studio", tmp_path, parts)
    write(tmp_path / "more.json", tasks)
    with pytest.raises(UserError, match=r"more.json and tasks.json are both exports; keep one"):
        get_dataset("label_studio", tmp_path)


@pytest.mark.parametrize(
    "dataset", ["labelme", "cvat", "coco_json", "yolo", "roboflow", "label_studio"]
)
def test_another_folder_is_refused_and_told_what_is_wanted(tmp_path, dataset):
    photo(tmp_path / "photos" / "a.png")
    with pytest.raises(UserError, match=f"source={tmp_path} is not .*: it should hold "):
        get_dataset(dataset, tmp_path)
    with pytest.raises(UserError, match=f"dataset={dataset} needs source=FOLDER with "):
        get_dataset(dataset)
