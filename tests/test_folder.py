"""A user's own folder: every layout, every kind of mask, and faults of the table."""

import numpy as np
import pytest
from helpers.records import pixels
from PIL import Image

from tfseg.datasets import get_dataset, recognise
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.reader import open_records

TABLE = "name,r,g,b\nsoil,120,80,40\nplant,0,200,0\nvoid,0,0,0\nsky,90,150,255\n"
COLORS = ((120, 80, 40), (0, 200, 0), (0, 0, 0), (90, 150, 255))
RAW = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)  # rows of the table
WANTED = np.array([[0, 1, VOID, 2], [2, VOID, 1, 0]], np.uint8)


def as_indices(raw):
    return Image.fromarray(raw)


def as_colors(raw):
    return Image.fromarray(np.array(COLORS, np.uint8)[raw])


def as_palette(raw):
    """As a drawing program saves it: the table's colours, in another order."""
    picture = Image.fromarray(3 - raw)
    picture.putpalette([channel for color in COLORS[::-1] for channel in color])
    return picture


def as_foreign_palette(raw):
    """Indices with unrelated palette colours."""
    picture = Image.fromarray(raw)
    picture.putpalette([7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10])
    return picture


def as_rgba(raw):
    return as_colors(raw).convert("RGBA")


def draw(folder, layout, mask=as_indices, table=TABLE, raw=RAW):
    """Writes a folder with two training and one validation frames in one of the layouts."""
    lines = {"train": [], "val": []}
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        image, label = (place.format(split=split, name=name) for place in LAYOUTS[layout])
        for place, picture in (
            (image, Image.fromarray(np.full((*raw.shape, 3), ord(name), np.uint8))),
            (label, mask(raw)),
        ):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / place)
        lines[split].append(f"{image} {label}\n")
    if layout == "lists":
        for split, listed in lines.items():
            (folder / f"{split}.txt").write_text("".join(listed))
    if table:
        (folder / "classes.csv").write_text(table)
    return folder


LAYOUTS = {
    "split folders": ("images/{split}/{name}.png", "labels/{split}/{name}.png"),
    "train_labels": ("{split}/{name}.png", "{split}_labels/{name}_L.png"),
    "lists": ("all/{name}.png", "masks/{name}_gt.png"),
    "flat": ("images/{name}.png", "labels/{name}_mask.png"),
}


def converted(folder, tmp_path):
    spec = get_dataset("folder", folder)
    return open_records(convert(spec, folder, tmp_path / "out", overwrite=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mask", [as_indices, as_colors])
def test_every_layout(tmp_path, layout, mask):
    folder = draw(tmp_path / "My Garden 2", layout, mask)
    assert recognise(folder) == ["folder"]
    records = converted(folder, tmp_path)
    assert records.info.name == "my_garden_2"
    assert records.info.classes == ("soil", "plant", "sky")
    assert records.info.colors == (COLORS[0], COLORS[1], COLORS[3])
    assert {name: len(split) for name, split in records.splits.items()} == {"train": 2, "val": 1}
    for split in records.splits.values():
        for index in range(len(split)):
            np.testing.assert_array_equal(pixels(split, index)[1], WANTED)
    if layout != "flat":  # there, val is held out
        assert pixels(records.splits["val"], 0)[0][0, 0, 0] == ord("c")


@pytest.mark.parametrize("mask", [as_palette, as_foreign_palette, as_rgba])
def test_every_kind_of_mask(tmp_path, mask):
    records = converted(draw(tmp_path / "garden", "split folders", mask), tmp_path)
    np.testing.assert_array_equal(pixels(records.splits["val"], 0)[1], WANTED)


def test_black_and_white_masks_of_two_classes(tmp_path):
    """0 and 255, by colours or by values; 255 never becomes void silently."""
    raw = np.array([[0, 255, 0], [255, 0, 255]], np.uint8)
    for table in (
        "name,r,g,b\nbackground,0,0,0\nobject,255,255,255\n",
        "name,r,g,b,value\nbackground,0,0,0,0\nobject,200,30,30,255\n",
    ):
        folder = draw(tmp_path / "spots", "split folders", table=table, raw=raw)
        records = converted(folder, tmp_path)
        np.testing.assert_array_equal(pixels(records.splits["val"], 0)[1], raw // 255)


def test_toml(tmp_path):
    folder = draw(tmp_path / "x", "split folders", as_foreign_palette, table=None)
    (folder / "dataset.toml").write_text(
        'name = "Beds"\nmasks = "indices"\n'
        '[[class]]\nname = "sky"\nvalue = 3\ncolor = [1, 2, 3]\n'
        '[[class]]\nname = "soil"\nvalue = 0\n[[class]]\nname = "plant"\nvalue = 1\n'
        '[[class]]\nname = "ignore"\nvalue = 2\n'
    )
    records = converted(folder, tmp_path)
    assert records.info.name == "beds"
    assert records.info.classes == ("sky", "soil", "plant")
    wanted = np.array([1, 2, VOID, 0], np.uint8)[RAW]
    np.testing.assert_array_equal(pixels(records.splits["val"], 0)[1], wanted)


def test_a_folder_trains_without_conversion(tmp_path):
    folder = draw(tmp_path / "garden", "split folders", as_colors)
    records = open_records(folder)
    assert records.format == "raw"
    np.testing.assert_array_equal(pixels(records.splits["train"], 1)[1], WANTED)


WRONG = {
    "no table": (None, "is not a data set of your own: it should hold one of dataset.toml"),
    "no header": ("soil,1,2,3\nplant,4,5,6\n", "its first line should be name,r,g,b"),
    "a colour too large": ("name,r,g,b\na,1,2,3\nb,1,2,300\n", "line 3: wanted a name, three"),
    "half a colour": ("name,r,g,b\na,1,2,3\nb,1,2\n", "line 3: wanted a name, three numbers"),
    "one class": ("name,r,g,b\na,1,2,3\nvoid,0,0,0\n", "names fewer than two classes"),
    "empty": ("", "names fewer than two classes"),
    "a name twice": ("name,r,g,b\na,1,2,3\na,1,2,4\n", "a and a have the same name"),
    "a colour twice": ("name,r,g,b\na,1,2,3\nb,1,2,3\n", "a and b have the same color"),
    "bytes": (b"\xff\xfe\x00\x01", "classes.csv: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_named(tmp_path, case):
    table, message = WRONG[case]
    folder = draw(tmp_path / "x", "flat", table=None)
    if isinstance(table, bytes):
        (folder / "classes.csv").write_bytes(table)
    elif table is not None:
        (folder / "classes.csv").write_text(table)
    with pytest.raises(UserError, match=message) as refused:
        get_dataset("folder", folder)
    assert "\n" not in str(refused.value)


def test_what_does_not_fit_the_table_is_named(tmp_path):
    table = "name\nsoil\nplant\nsky\n"
    folder = draw(tmp_path / "x", "split folders", as_colors, table=table)
    with pytest.raises(
        UserError, match=r"the masks hold colours, but the table gives none for soil"
    ):
        converted(folder, tmp_path)
    folder = draw(tmp_path / "y", "split folders", table=table)
    with pytest.raises(UserError, match=r"a.png: label value 3 is not a class"):
        converted(folder, tmp_path)
    (folder / "labels" / "train" / "b.png").unlink()
    with pytest.raises(UserError, match=r"images/train/b.png has no partner in .*labels/train"):
        converted(folder, tmp_path)


@pytest.mark.parametrize("line", ["all/a.png", "all/a.png masks/none.png", "a b c d"])
def test_a_wrong_line_of_a_list_is_named(tmp_path, line):
    folder = draw(tmp_path / "x", "lists")
    with open(folder / "train.txt", "a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(UserError, match=r"train.txt, line 4: wanted two files, image and mask"):
        converted(folder, tmp_path)


def test_wrong_toml_is_named(tmp_path):
    folder = draw(tmp_path / "x", "flat", table=None)
    for text, message in (
        ("name = ", "dataset.toml: "),
        ('colour = "x"', "unknown key 'colour'; allowed: name, masks"),
        ('masks = "rgb"', "masks = 'rgb'; wanted indices or colors"),
        ('[[class]]\nname = "a"\ncolor = "red"', "class 1: wanted a name, three numbers"),
    ):
        (folder / "dataset.toml").write_text(text)
        with pytest.raises(UserError, match=message):
            get_dataset("folder", folder)
