"""Every fault that the doctor finds, with its message and severity."""

import re

import numpy as np
import pytest
from helpers.garden import COLORS, diagnose, draw, image, label, spec, void_label
from PIL import Image

from tfseg.datasets.coding import Colors
from tfseg.labels import VOID


def relabel(drawn):
    """A fault that replaces every label by `drawn()`."""

    def fault(folder):
        for file in folder.glob("*_labels/*.png"):
            Image.fromarray(drawn()).save(file)

    return fault


def jpeg(folder):
    for file in folder.glob("train_labels/*.png"):
        Image.open(file).save(file.with_suffix(".jpg"))
        file.unlink()


def cut(name):
    def fault(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:-40])

    return fault


def with_value(value, where=np.s_[:, :3]):
    values = label().astype(np.asarray(value).dtype)
    values[where] = value
    return values


def large(folder):
    Image.fromarray(with_value(np.uint16(4000))).save(folder / "train_labels" / "1.png")


def other_size(folder):
    Image.fromarray(label(size=(24, 32))).save(folder / "val_labels" / "5.png")


def emptied(folder):
    for file in [*folder.glob("val/*"), *folder.glob("val_labels/*")]:
        file.unlink()


def copied(folder):
    """Copies a training frame to val, saved as by another program."""
    picture = Image.open(folder / "train" / "3.png").resize((60, 45))
    picture.save(folder / "val" / "copy.jpg", quality=75)
    Image.fromarray(label(size=(45, 60))).save(folder / "val_labels" / "copy.png")


def few_pixels(folder):
    for file in folder.glob("train_labels/*.png"):
        values = np.where(label() == 2, 1, label())
        values[0, :2] = 2 if file.stem == "0" else 0
        Image.fromarray(values.astype(np.uint8)).save(file)


def without_stone(split):
    def fault(folder):
        for file in folder.glob(f"{split}_labels/*.png"):
            Image.fromarray(np.where(label() == 2, 1, label()).astype(np.uint8)).save(file)

    return fault


def resized(folder):
    Image.fromarray(image(1, (40, 80))).save(folder / "train" / "1.png")
    Image.fromarray(label(size=(40, 80))).save(folder / "train_labels" / "1.png")


FAULTS = {  # fault: (function that makes it, whether it is a problem, its finding)
    "JPEG labels": (
        jpeg,
        True,
        r"train_labels/0.jpg is a JPEG, which smears .* must be PNG \(and 3 more like it\)",
    ),
    "RGB masks": (
        relabel(lambda: np.repeat(label()[..., None], 3, axis=2)),
        True,
        r"train_labels/0.png is RGB, not class indices in one channel; .*\(and 5 more like it\)",
    ),
    "16 bits": (large, True, r"train_labels/1.png holds values to 4000; class indices end at 255"),
    "a cut label": (cut("val_labels/4.png"), True, r"val_labels/4.png is damaged.*; replace the"),
    "a cut picture": (
        cut("train/1.png"),
        True,
        r"train/1.png is damaged or not an image.*; replace",
    ),
    "two sizes of one frame": (
        other_size,
        True,
        r"val/5.png is 48x64 but .*val_labels/5.png is 24x32 \(height x width\)",
    ),
    "an unpaired picture": (
        lambda folder: (folder / "val_labels" / "4.png").unlink(),
        True,
        r"val/4.png has no partner in .*val_labels; add it or remove the file",
    ),
    "a stem twice": (
        lambda folder: Image.fromarray(image(9)).save(folder / "train" / "2.jpg"),
        True,
        r"train/2.png and 2.jpg have the same stem; keep one",
    ),
    "values outside the table": (
        relabel(lambda: with_value(np.uint8(9))),
        True,
        r"864 of the label pixels \(4.69%\), in 6 of the labels, belong to no class \(values 9; "
        r"the first: value 9 in "
        r".*train_labels/0.png\); complete the table",
    ),
    "a label of void": (
        void_label,
        False,
        r"1 of 4 labels are entirely void \(the first: .*/2.png",
    ),
    "mostly void": (
        relabel(lambda: with_value(np.uint8(VOID), np.s_[:30])),
        False,
        r"train: 63% of the label pixels are void",
    ),
    "nothing in val": (emptied, True, r"val has no frames; add frames, or remove its folder"),
    "a class missing from train": (
        without_stone("train"),
        True,
        r"train has no pixel of stone: nothing to learn from; add frames",
    ),
    "a class missing from val": (
        without_stone("val"),
        False,
        r"val has no pixel of stone: they have no IoU and are left out of the mean",
    ),
    "a rare class": (few_pixels, False, r"train has few pixels of stone \(0.017%\)"),
    "frames of two sizes": (
        resized,
        False,
        r"train has frames of 2 sizes: training crops 40x64 from each",
    ),
    "a copy in val": (
        copied,
        True,
        r"1 of 3 frames of val are in train too, or nearly \(the nearest: .*val/copy.jpg and "
        r".*train/3.png, \d.\d gray levels apart\): metrics on val would be too high",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path, capsys, fault):
    make, spoils, wanted = FAULTS[fault]
    folder = draw(tmp_path / "x")
    make(folder)
    spoilt, findings = diagnose(capsys, (spec(), folder))
    kind = "problem" if spoils else "note"
    assert [line for line in findings if re.match(f"{kind}: .*{wanted}", line)], findings
    assert spoilt is spoils
    assert spoilt is (findings[-1] != "no problem found")


def test_faults_are_counted_whatever_their_files_are_called(tmp_path, capsys):
    folder = draw(tmp_path / "my data")
    for file in folder.glob("train/*.png"):
        file.rename(file.with_stem(f"{file.stem} of the garden"))
    spoilt, findings = diagnose(capsys, (spec(), folder))
    assert spoilt
    assert len([line for line in findings if "has no partner" in line]) == 1
    assert "(and 7 more like it)" in findings[0]


def test_masks_of_0_and_255(tmp_path, capsys):
    folder = draw(tmp_path / "x", lambda: np.where(label(2) > 0, 255, 0).astype(np.uint8))
    spoilt, findings = diagnose(capsys, (spec(("background", "object")), folder))
    assert spoilt
    (line,) = (line for line in findings if line.startswith("problem"))
    assert "hold only 0 and 255, and 255 is void: object never occurs" in line
    assert "train_labels/0.png" in line
    assert "`object,255,255,255,255`" in line


NINETEEN = tuple(f"class{i}" for i in range(19))


def label_ids():
    """Rows of Cityscapes' labelIds, road (7) at the bottom; 3 is part of the ego vehicle."""
    values = np.repeat(np.uint8([23, 21, 11, 26, 8, 33, 4, 7, 7, 7, 7, 3]), 4)
    return np.ascontiguousarray(np.repeat(values[:, None], 64, axis=1))


def test_label_ids_given_as_train_ids(tmp_path, capsys):
    spoilt, findings = diagnose(capsys, (spec(NINETEEN), draw(tmp_path / "x", label_ids)))
    assert spoilt
    (line,) = (line for line in findings if "labelIds" in line)
    assert "Cityscapes' labelIds, not trainIds 0 to 18" in line
    assert "train_labels/0.png; take the files *_labelTrainIds.png" in line
    assert len(findings) == 1


@pytest.mark.parametrize("values", ["train ids", "a few strays", "a table of 34"])
def test_what_are_no_label_ids_given_as_train_ids(tmp_path, capsys, values):
    def train_ids():
        return np.array([0, 2, 8, 13, 7, 18, 10, 0, 0, 1, 1, 255], np.uint8)[label_ids() % 12]

    def strays():
        values = train_ids()
        values[0, :3] = 19, 20, 33
        return values

    drawn = {"train ids": train_ids, "a few strays": strays, "a table of 34": label_ids}[values]
    names = tuple(f"class{i}" for i in range(34)) if values == "a table of 34" else NINETEEN
    _, findings = diagnose(capsys, (spec(names), draw(tmp_path / "x", drawn)))
    assert "labelIds" not in str(findings)
    assert ("values 19, 20, 33" in str(findings)) is (values == "a few strays")


def test_masks_of_colours(tmp_path, capsys):
    """Stray colours cause a note; index masks with a table of colours cause a problem."""
    table = Colors((*((color, i) for i, color in enumerate(COLORS)), ((0, 0, 0), VOID)))

    def colored():
        return np.array([*COLORS, (0, 0, 0)], np.uint8)[np.minimum(label(), 4)]

    folder = draw(tmp_path / "x", colored)
    assert diagnose(capsys, (spec(coding=table), folder))[1][0].startswith("no problem")
    stray = colored()
    stray[0, 0] = 1, 2, 3
    Image.fromarray(stray).save(folder / "val_labels" / "4.png")
    spoilt, findings = diagnose(capsys, (spec(coding=table), folder))
    assert not spoilt
    assert findings[0].startswith("note: 1 of the label pixels (0.01%), in 1 of the labels, belong")
    assert "the first: colour 1,2,3 in" in findings[0]
    spoilt, findings = diagnose(capsys, (spec(coding=table), draw(tmp_path / "y")))
    assert spoilt
    assert "the masks are gray, but the table has colours" in findings[0]
