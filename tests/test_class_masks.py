"""One folder of masks per class: labels are the combinations that occur."""

import numpy as np
import pytest
from PIL import Image

from tfseg.datasets import get_dataset
from tfseg.errors import UserError
from tfseg.labels import label_sets, labels_of
from tfseg.records.convert import convert
from tfseg.records.reader import open_records


def masks_of(number):
    """Two masks that overlap, bool (40, 50)."""
    crack, rust = np.zeros((2, 40, 50), bool)
    crack[5:20, 5 : 30 + number] = True
    rust[10:30, 20:45] = True
    return crack, rust


@pytest.fixture
def wall(tmp_path):
    """Three frames: both classes, only a crack (in an RGBA mask), no mask."""
    for split, numbers in {"train": (0, 1), "val": (2,)}.items():
        for number in numbers:
            image = tmp_path / "images" / split / f"{number}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((40, 50, 3), 90 + number, np.uint8)).save(image)
        for name in ("crack", "rust"):
            (tmp_path / "masks" / split / name).mkdir(parents=True)
    crack, rust = masks_of(0)
    Image.fromarray(crack.astype(np.uint8)).save(tmp_path / "masks" / "train" / "crack" / "0.png")
    Image.fromarray(rust * np.uint8(255)).save(tmp_path / "masks" / "train" / "rust" / "0.png")
    rgba = np.full((40, 50, 4), 255, np.uint8)
    rgba[..., :3] *= masks_of(1)[0][..., None]
    Image.fromarray(rgba).save(tmp_path / "masks" / "train" / "crack" / "1.png")
    return tmp_path


def test_labels_are_combinations_of_classes(wall, tmp_path_factory):
    spec = get_dataset("class_masks", wall)
    assert spec.classes == ("background", "crack", "rust", "crack+rust")
    folder = tmp_path_factory.mktemp("records")
    convert(spec, wall, folder)
    records = open_records(folder)
    sets = label_sets(labels_of(records.info))
    assert sets.labels.classes == ("crack", "rust")
    (_, both), (_, one) = (records.splits["train"].frame(i) for i in range(2))
    np.testing.assert_array_equal(sets.masks(both), np.stack(masks_of(0), axis=2))
    np.testing.assert_array_equal(sets.masks(one)[..., 0], masks_of(1)[0])
    assert not sets.masks(one)[..., 1].any()
    assert not records.splits["val"].frame(0)[1].any()


def spoil_size(wall):
    mask = wall / "masks" / "train" / "rust" / "1.png"
    Image.fromarray(np.zeros((40, 51), np.uint8)).save(mask)
    return "has 40x51 pixels and .* 40x50; wanted the same size"


def spoil_partner(wall):
    (wall / "images" / "train" / "0.jpg").unlink()
    return "crack/0.png has no partner"


def spoil_name(wall):
    (wall / "masks" / "train" / "rust").rename(wall / "masks" / "train" / "crack+rust")
    return "a class cannot be called 'crack\\+rust'"


def spoil_split(wall):
    (wall / "images" / "test").mkdir()
    return "images/test has no .*masks/test"


def spoil_folders(wall):
    for split in ("train", "val"):
        for name in ("crack", "rust"):
            for file in (wall / "masks" / split / name).iterdir():
                file.unlink()
            (wall / "masks" / split / name).rmdir()
    return "is not a data set with masks by class"


@pytest.mark.parametrize(
    "spoil", [spoil_size, spoil_partner, spoil_name, spoil_split, spoil_folders]
)
def test_what_does_not_fit_is_refused_with_its_file(wall, spoil):
    line = spoil(wall)
    with pytest.raises(UserError, match=line):
        get_dataset("class_masks", wall).list_frames(wall)
