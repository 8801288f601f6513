"""Tables of classes as spreadsheets and people write them, and drafts."""

import csv

import numpy as np
import pytest
from helpers.folders import draw, with_masks
from PIL import Image

from tfseg import cli
from tfseg.datasets import get_dataset
from tfseg.datasets.tables import Row, read_table
from tfseg.errors import UserError
from tfseg.records.frames import read_label

TEXT = "name,r,g,b\nMöhre,0,0,0\nsoil,255,255,255\n"
ROWS = [Row("Möhre", (0, 0, 0), None), Row("soil", (255, 255, 255), None)]
RAW = np.array([[0, 1, 2, 2], [2, 1, 0, 0]], np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("latin-1"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "; ").encode("cp1252"),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", "|").encode(),
        TEXT.replace(",", " ").encode(),
        ("sep=;\r\n" + TEXT.replace(",", ";")).encode(),
        ("\n" + TEXT.replace("\n", "\n\n")).encode(),
        TEXT.replace("0,0,0", "0.0,0.0,0.0").encode(),
        TEXT.replace("name,r,g,b", "Class,Red,Green,Blue").encode(),
        b"name,r,g,b,about\n" + TEXT.split("\n", 1)[1].encode(),
    ],
)
def test_every_way_to_write_a_table(tmp_path, data):
    path = tmp_path / "classes.csv"
    path.write_bytes(data)
    assert read_table(path) == ({}, ROWS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("soil;1;2;3\nsky;4;5;6\n", r"first line should be name,r,g,b .*, not 'soil;1;2;3'"),
        ("name;r;g;b\nsoil;1;2;3\nsky;4;5\n", r"line 3: wanted a name, .*, not 'sky;4;5'"),
        ("name,r,g,b\ncar, parked,1,2,3\nb,1,2,4\n", r"line 2: .* has more cells .*put quotes"),
        ("name,r,g,b,vaule\na,1,2,3,4\nb,1,2,4,5\n", r"unknown column 'vaule'; did you mean value"),
        ("name,r,g,b\na,1.5,2,3\nb,1,2,4\n", r"line 2: wanted a name, three numbers"),
    ],
)
def test_what_is_found_instead_is_named(tmp_path, text, wanted):
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(UserError, match=wanted):
        read_table(tmp_path / "classes.csv")


def test_values_that_collide_are_named(tmp_path):
    folder = with_masks(tmp_path / "x", RAW, table="name,value\na,1\nb,\nc,2\n")
    with pytest.raises(UserError, match=r"value 1 is b and, by position .*give every class its"):
        get_dataset("folder", folder).list_frames(folder)


def drafted(tmp_path, *masks):
    """(rows of the draft, labels read with it) of a folder without a table."""
    folder = with_masks(tmp_path / "garden", *masks, table=None)
    path, page = folder / "classes.csv", tmp_path / "page.html"
    cli.main(["inspect", f"--input={folder}", f"--draft={path}", f"--html={page}"])
    assert page.read_text().count('class="swatch"') == len(path.read_text().splitlines()) - 1
    frames = get_dataset("folder", folder).list_frames(folder)["train"]
    with open(path) as file:
        return list(csv.DictReader(file)), [read_label(frame) for frame in frames]


def test_more_classes_than_a_label_can_hold_are_refused(tmp_path):
    rows = [f"class{number},{number % 256},{number // 256},0" for number in range(255)]
    folder = with_masks(
        tmp_path, np.zeros((8, 8), np.uint8), table="\n".join(["name,r,g,b", *rows])
    )
    with pytest.raises(UserError, match="255 classes; the most is 254"):
        get_dataset("folder", folder)


def test_a_draft_of_indices(tmp_path):
    raw = RAW.copy()
    raw[0, 0] = 255
    rows, (label,) = drafted(tmp_path, raw)
    assert [(row["name"], row["value"]) for row in rows] == [
        ("class_0", "0"), ("class_1", "1"), ("class_2", "2"), ("void", "255"),
    ]  # fmt: skip
    np.testing.assert_array_equal(label.index, raw)


def test_a_draft_of_colours(tmp_path, capsys):
    colors = np.array([(9, 9, 9), (200, 30, 30), (0, 200, 0)], np.uint8)
    rows, (label,) = drafted(tmp_path, colors[RAW])
    assert {(row["r"], row["g"], row["b"]) for row in rows} == {
        ("9", "9", "9"), ("200", "30", "30"), ("0", "200", "0"),
    }  # fmt: skip
    assert label.unknown == 0
    assert len(np.unique(label.index)) == 3
    said = capsys.readouterr().out
    assert "200,30,30" in said
    assert "25.00" in said


def test_a_draft_of_a_palette_and_of_black_and_white(tmp_path):
    picture = Image.fromarray(RAW)
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    rows, (label,) = drafted(tmp_path / "p", picture)
    assert [row["r"] for row in rows] == ["0", "128", "0"]
    np.testing.assert_array_equal(label.index, RAW)
    rows, (label,) = drafted(tmp_path / "b", np.where(RAW == 2, np.uint8(255), np.uint8(0)))
    assert [row["r"] for row in rows] == ["0", "255"]
    np.testing.assert_array_equal(label.index, RAW // 2)


def test_a_draft_replaces_nothing(tmp_path, capsys):
    folder = with_masks(tmp_path / "x", RAW)
    for path, wanted in (
        (folder / "classes.csv", "exists; choose another file, or remove it"),
        (folder / "other.csv", "--draft is for a folder without a table, and"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["inspect", f"--input={folder}", f"--draft={path}"])
        assert wanted in capsys.readouterr().err
    nothing = draw(tmp_path / "empty", ["notes/a.png"], table=None)
    with pytest.raises(SystemExit):
        cli.main(["inspect", f"--input={nothing}", f"--draft={nothing / 'classes.csv'}"])
    assert "there are notes (1 .png, e.g. a.png)" in capsys.readouterr().err
