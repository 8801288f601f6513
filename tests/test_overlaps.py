"""Shapes that overlap, as records for `--task=multilabel`: a pixel keeps every class."""

import numpy as np
import pytest
from helpers.tools import SIZE, photo, write

from tfseg.cli import main
from tfseg.datasets import get_dataset
from tfseg.errors import UserError
from tfseg.labels import VOID, label_sets, labels_of
from tfseg.records.convert import convert
from tfseg.records.reader import open_records

H, W = SIZE
CAT, DOG = (2, 20, 2, 30), (10, 30, 20, 40)  # top, bottom, left, right, all inside
SMALL = (12, 14, 22, 25)  # in both of them
NAMES = ("cat", "dog")


def corners(top, bottom, left, right, edge=0):
    return [[left, top], [right + edge, top], [right + edge, bottom + edge], [left, bottom + edge]]


def labelme(folder, *shapes):
    listed = [
        {"label": name, "points": corners(*box), "shape_type": "polygon"} for name, box in shapes
    ]
    said = {"imagePath": "a.png", "imageHeight": H, "imageWidth": W, "imageData": None}
    write(folder / "a.json", {"shapes": listed, **said})


def coco_json(folder, *shapes):
    number = {"cat": 1, "dog": 2, "background": 3, "ignored": 4}
    listed = [
        {
            "id": i,
            "image_id": 1,
            "category_id": number[name],
            "segmentation": [np.ravel(corners(*box, edge=1)).tolist()],
        }
        for i, (name, box) in enumerate(shapes)
    ]
    used = {"cat", "dog", *(name for name, _ in shapes)}
    categories = [{"id": i, "name": name} for name, i in number.items() if name in used]
    images = [{"id": 1, "file_name": "a.png", "height": H, "width": W}]
    content = {"images": images, "annotations": listed, "categories": categories}
    write(folder / "train.json", content)


def yolo(folder, *shapes):
    names = ["cat", "dog", "background", "ignored"]
    write(folder / "data.yaml", f"train: images\nnames: [{', '.join(names)}]\n")
    lines = [
        " ".join([str(names.index(name)), *(f"{(x + 0.5) / W} {(y + 0.5) / H}" for x, y in points)])
        for name, points in ((name, corners(*box)) for name, box in shapes)
    ]
    write(folder / "labels" / "a.txt", "\n".join(lines))


def label_studio(folder, *shapes):
    results = [
        {
            "id": "r",
            "type": "polygonlabels",
            "original_width": W,
            "original_height": H,
            "value": {
                "points": (np.array(corners(*box, edge=1)) / (W, H) * 100).tolist(),
                "polygonlabels": [name],
            },
        }
        for name, box in shapes
    ]
    data = {"image": "/data/upload/1/a.png"}
    write(folder / "e.json", [{"id": 1, "annotations": [{"result": results}], "data": data}])


TOOLS = [labelme, coco_json, yolo, label_studio]


def raw(tool, folder, *shapes):
    photo(folder / ("images" if tool is yolo else "") / "a.png")
    tool(folder, *shapes)
    return folder


def masks_of(tool, folder, **options):
    """The first frame's mask of each class, uint8 (H, W, K)."""
    spec = get_dataset(tool.__name__, folder, task="multilabel", **options)
    sets = label_sets(labels_of(spec))
    assert sets.labels.classes == NAMES
    frame = spec.list_frames(folder)["train"][0]
    index, unknown, _ = frame.coding.apply(frame.label())
    assert not unknown
    return sets.masks(index), spec.classes


def inside(*boxes):
    mask = np.zeros(SIZE, np.uint8)
    for top, bottom, left, right in boxes:
        mask[top : bottom + 1, left : right + 1] = 1
    return mask


@pytest.mark.parametrize("tool", TOOLS)
def test_a_pixel_keeps_every_class_that_covers_it(tool, tmp_path):
    folder = raw(tool, tmp_path / "raw", ("cat", CAT), ("dog", DOG), ("dog", SMALL))
    masks, classes = masks_of(tool, folder)
    assert classes == ("background", "cat", "dog", "cat+dog")
    np.testing.assert_array_equal(masks[..., 0], inside(CAT))
    np.testing.assert_array_equal(masks[..., 1], inside(DOG))


@pytest.mark.parametrize("tool", TOOLS[:3])  # Label Studio has no void
def test_background_takes_away_and_void_stays(tool, tmp_path):
    """A background shape erases the two; a void shape is void, whatever is below."""
    names = ("_background_", "__ignore__") if tool is labelme else ("background", "ignored")
    void = (25, 35, 35, 45)
    shapes = [("cat", CAT), ("dog", DOG), (names[0], SMALL), (names[1], void)]
    masks, _ = masks_of(tool, raw(tool, tmp_path / "raw", *shapes))
    for number, box in enumerate((CAT, DOG)):
        wanted = inside(box)
        wanted[inside(SMALL) == 1], wanted[inside(void) == 1] = 0, VOID
        np.testing.assert_array_equal(masks[..., number], wanted)


def test_what_is_not_annotated_can_be_void(tmp_path):
    folder = raw(coco_json, tmp_path / "raw", ("dog", DOG), ("cat", CAT))
    masks, _ = masks_of(coco_json, folder, unlabelled="void")
    wanted = np.where(inside(CAT, DOG), inside(CAT), VOID)
    np.testing.assert_array_equal(masks[..., 0], wanted)


def test_the_command_line_converts_it(tmp_path):
    folder = raw(labelme, tmp_path / "raw", ("cat", CAT), ("dog", DOG))
    raw(labelme, folder / "val", ("cat", CAT), ("dog", CAT))
    out = tmp_path / "out"
    flags = [f"--source={folder}", f"--output={out}", "--task=multilabel"]
    main(["convert", "--dataset=labelme", *flags])
    records = open_records(out)
    assert records.info.classes == ("background", "cat", "dog", "cat+dog")
    wanted = inside(CAT) + 2 * inside(DOG)
    np.testing.assert_array_equal(records.splits["train"].frame(0)[1], wanted)
    np.testing.assert_array_equal(records.splits["val"].frame(0)[1], 3 * inside(CAT))
    labelme(folder, ("cat", CAT), ("dog", SMALL))  # another shape gives other records
    with pytest.raises(UserError, match="overwrite"):
        convert(get_dataset("labelme", folder, task="multilabel"), folder, out, workers=1)
    labelme(folder, ("cat+dog", CAT))
    with pytest.raises(UserError, match=r"a class cannot be called 'cat\+dog'; rename it"):
        get_dataset("labelme", folder, task="multilabel")
    with pytest.raises(UserError, match="task is not an option of dataset=cvat"):
        get_dataset("cvat", folder, task="multilabel")


def test_faults_are_told_once_and_leave_the_others(tmp_path):
    folder = raw(labelme, tmp_path, ("cat", CAT), ("dog", DOG))
    write(folder / "b.json", "{")
    told = []
    spec = get_dataset("labelme", folder, task="multilabel")
    frames = spec.list_frames(folder, lambda line, spoils=True: told.append((line, spoils)))
    assert [frame.id for frame in frames["train"]] == ["a"]
    assert len(told) == 1
    assert "b.json is damaged" in told[0][0]
