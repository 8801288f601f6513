"""The doctor: every fault by its words and its verdict, the same facts raw and as records."""

import re

import cv2
import numpy as np
import pytest
from helpers.small import CAMVID
from PIL import Image

from tfseg import cli
from tfseg.datasets import camvid
from tfseg.datasets.coding import Colors, indices
from tfseg.datasets.files import pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.doctor import inspect, report
from tfseg.doctor.inputs import RawInput, RecordsInput
from tfseg.doctor.issues import Issues
from tfseg.doctor.leakage import nearest, twins
from tfseg.doctor.survey import survey, thumbnail
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.histogram import class_histogram
from tfseg.records.reader import open_records

CLASSES = ("soil", "plant", "stone", "sky")
COLORS = ((120, 80, 40), (0, 200, 0), (90, 90, 90), (90, 150, 255))
SIZE = (48, 64)


def image(seed, size=SIZE):
    """Smooth spots, other ones for every seed."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(spots, size[::-1], interpolation=cv2.INTER_CUBIC)


def label(classes=4, size=SIZE):
    """Upright stripes of every class, the last column void."""
    stripes = np.repeat(np.arange(size[1]) * classes // size[1], size[0])
    stripes = stripes.reshape(size[::-1]).T.astype(np.uint8)
    stripes[:, -1] = VOID
    return np.ascontiguousarray(stripes)


def draw(folder, labels=label):
    """Four frames to learn from and two to measure with; `labels()` draws their masks."""
    for split, seeds in (("train", range(4)), ("val", range(4, 6))):
        (folder / split).mkdir(parents=True)
        (folder / f"{split}_labels").mkdir()
        for seed in seeds:
            Image.fromarray(image(seed)).save(folder / split / f"{seed}.png")
            Image.fromarray(labels()).save(folder / f"{split}_labels" / f"{seed}.png")
    return folder


def spec(classes=CLASSES, coding=None):
    """What `draw` draws; labels are indices by default."""

    def frames(source, report):
        return {
            split: pair_folders(
                source / split, source / f"{split}_labels", coding or indices(len(classes)), report
            )
            for split in ("train", "val")
        }

    colors = COLORS if classes == CLASSES else ((0, 0, 0), *[(255, 255, 255)] * (len(classes) - 1))
    return DatasetSpec("garden", "A garden", tuple(classes), colors, frames)


def diagnose(capsys, data, **options):
    """(verdict, the report's lines of findings)."""
    capsys.readouterr()
    spoilt = any(finding.spoils for finding in inspect(data, **options))
    lines = capsys.readouterr().out.splitlines()
    return spoilt, [line for line in lines if line.startswith(("spoils", "note", "nothing"))]


def test_a_clean_folder(tmp_path, capsys):
    spoilt, findings = diagnose(capsys, (spec(), draw(tmp_path / "x")))
    assert not spoilt
    assert findings == ["nothing found that would spoil training"]


def relabel(drawn):
    """A fault: every label is replaced by `drawn()`."""

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


def void_label(folder):
    Image.fromarray(np.full(SIZE, VOID, np.uint8)).save(folder / "train_labels" / "2.png")


def emptied(folder):
    for file in [*folder.glob("val/*"), *folder.glob("val_labels/*")]:
        file.unlink()


def copied(folder):
    """A training frame in val, as another program might have saved it."""
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


FAULTS = {  # fault: (what makes it, whether it spoils training, its finding)
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
    "a cut picture": (cut("train/1.png"), True, r"train/1.png is damaged or no picture.*; replace"),
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
        r"864 of the label pixels \(4.69%\), in 6 of the labels, are in no class \(values 9; the "
        r"first: value 9 in "
        r".*train_labels/0.png\); complete the table",
    ),
    "a label of void": (
        void_label,
        False,
        r"1 of 4 labels are void all over \(the first: .*/2.png",
    ),
    "mostly void": (
        relabel(lambda: with_value(np.uint8(VOID), np.s_[:30])),
        False,
        r"train: 63% of the label pixels are void",
    ),
    "nothing in val": (emptied, True, r"val has no frames; fill it or take its folder away"),
    "a class missing from train": (
        without_stone("train"),
        True,
        r"train has no pixel of stone: nothing to learn from; add frames",
    ),
    "a class missing from val": (
        without_stone("val"),
        False,
        r"val has no pixel of stone: no IoU there, and none in the mean",
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
        r".*train/3.png, \d.\d gray levels apart\): figures on val would flatter",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path, capsys, fault):
    make, spoils, wanted = FAULTS[fault]
    folder = draw(tmp_path / "x")
    make(folder)
    spoilt, findings = diagnose(capsys, (spec(), folder))
    kind = "spoils training" if spoils else "note"
    assert [line for line in findings if re.match(f"{kind}: .*{wanted}", line)], findings
    assert spoilt is spoils
    assert spoilt is (findings[-1] != "nothing found that would spoil training")


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
    (line,) = (line for line in findings if line.startswith("spoils"))
    assert "0 and 255 alone, and 255 is void: object never occurs" in line
    assert "train_labels/0.png" in line
    assert "`object,255,255,255,255`" in line


NINETEEN = tuple(f"class{i}" for i in range(19))


def label_ids():
    """Rows of Cityscapes' labelIds, road (7) below, as in a street; 3 is a part of the car."""
    values = np.repeat(np.uint8([23, 21, 11, 26, 8, 33, 4, 7, 7, 7, 7, 3]), 4)
    return np.ascontiguousarray(np.repeat(values[:, None], 64, axis=1))


def test_label_ids_given_as_train_ids(tmp_path, capsys):
    spoilt, findings = diagnose(capsys, (spec(NINETEEN), draw(tmp_path / "x", label_ids)))
    assert spoilt
    (line,) = (line for line in findings if "labelIds" in line)
    assert "Cityscapes' labelIds where trainIds, 0 to 18, are wanted" in line
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
    """Strays are worth a note; masks of indices where colours are wanted are no strays."""
    table = Colors((*((color, i) for i, color in enumerate(COLORS)), ((0, 0, 0), VOID)))

    def colored():
        return np.array([*COLORS, (0, 0, 0)], np.uint8)[np.minimum(label(), 4)]

    folder = draw(tmp_path / "x", colored)
    assert diagnose(capsys, (spec(coding=table), folder))[1][0].startswith("nothing")
    stray = colored()
    stray[0, 0] = 1, 2, 3
    Image.fromarray(stray).save(folder / "val_labels" / "4.png")
    spoilt, findings = diagnose(capsys, (spec(coding=table), folder))
    assert not spoilt
    assert findings[0].startswith("note: 1 of the label pixels (0.01%), in 1 of the labels, are")
    assert "the first: colour 1,2,3 in" in findings[0]
    spoilt, findings = diagnose(capsys, (spec(coding=table), draw(tmp_path / "y")))
    assert spoilt
    assert "the masks are gray where colours are wanted" in findings[0]


def surveyed(subject):
    return survey(subject, Issues().add)


def test_raw_and_records_say_the_same(raw_camvid, tmp_path, capsys):
    records = open_records(convert(camvid.spec(), raw_camvid, tmp_path / "records"))
    raw = RawInput(camvid.spec(), raw_camvid, Issues().add)
    both = RecordsInput(records)
    for split, found in surveyed(raw).items():
        other = surveyed(both)[split]
        histogram = class_histogram(records.splits[split])
        np.testing.assert_array_equal(found.pixels, other.pixels)
        np.testing.assert_array_equal(found.pixels[:11], histogram.pixels[:11])
        np.testing.assert_array_equal(found.present[:11], histogram.present[:11])
        np.testing.assert_array_equal(found.thumbnails, other.thumbnails)
        assert found.void == histogram.void
        assert found.sizes == other.sizes == {(144, 192): len(records.splits[split])}
        assert report.rows(raw, found) == report.rows(both, other)
    verdicts = [diagnose(capsys, data) for data in (records, (camvid.spec(), raw_camvid))]
    assert verdicts[0] == verdicts[1]


def test_damaged_records_are_findings(tmp_path, capsys):
    folder = convert(spec(), draw(tmp_path / "x"), tmp_path / "records")
    shard = next(folder.glob("*train*"))
    data = bytearray(shard.read_bytes())
    middle = data.index(b"IDAT", len(data) // 2) + 40
    data[middle : middle + 20] = bytes(20)
    shard.write_bytes(data)
    spoilt, findings = diagnose(capsys, open_records(folder), output=tmp_path / "sheet.png")
    assert spoilt
    assert len(findings) == 1
    assert re.search(rf"{shard.name}, example \d .*is damaged.*; convert again", findings[0])
    assert (tmp_path / "sheet.png").exists()


def test_records_with_values_of_no_class(tmp_path, capsys):
    """As another program may have written them: a table shorter than the labels."""
    short = spec(CLASSES[:3], coding=indices(4))
    folder = convert(short, draw(tmp_path / "x"), tmp_path / "records")
    spoilt, findings = diagnose(capsys, open_records(folder))
    assert spoilt
    assert "in no class (values 3; the first: value 3 in its label in" in findings[0]
    assert "train.tfrecord-00000-of-00001, example 0 (byte 12)" in findings[0]


def test_twins_are_told_from_neighbours():
    def small(pixels):
        return thumbnail(pixels).reshape(-1)

    frames = [image(seed, (240, 320)) for seed in range(40)]
    train = np.array([small(frame) for frame in frames])
    jpegs = [cv2.imdecode(cv2.imencode(".jpg", f, [1, 40])[1], 1) for f in frames[:5]]
    moved = [np.roll(frame, 8, axis=1) for frame in frames[5:10]]
    flat = [np.full((240, 320, 3), 200, np.uint8)] * 2
    val = np.array([small(frame) for frame in (*jpegs, *moved, *flat)])
    found = twins(val, np.concatenate([train, val[-2:]]))
    assert [(a, b) for a, b, _ in found] == [(i, i) for i in range(5)]
    place, distance = nearest(val[:10], train)
    every = np.sqrt(((val[:10, None].astype(float) - train) ** 2).mean(axis=2))
    np.testing.assert_array_equal(place, every.argmin(axis=1))
    np.testing.assert_allclose(distance, every.min(axis=1), atol=1e-3)


def test_pictures_and_the_page(tmp_path, capsys):
    names = ("soil <b>", "plant & co", "stone", "sky")
    odd = DatasetSpec("garden", "A garden", names, COLORS, spec().frames)
    folder = draw(tmp_path / "<i>x & y")
    void_label(folder)
    sheet, page = tmp_path / "new" / "sheet.png", tmp_path / "new" / "page.html"
    inspect((odd, folder), output=sheet, html=page)
    out = capsys.readouterr().out
    assert f"wrote {sheet}" in out
    assert f"wrote {page}" in out
    with Image.open(sheet) as picture:
        assert picture.size[0] == 4 * 2 * SIZE[1]  # 4 training frames beside their labels
        assert picture.size[1] > SIZE[0]
    text = page.read_text()
    found = surveyed(RawInput(odd, folder, Issues().add))["train"]
    for row in report.rows(RawInput(odd, folder, Issues().add), found):
        assert f"<td>{100 * row.share:.2f}</td>" in text
        assert f"<td>{row.weights[2]:.2f}</td>" in text
    assert text.count('src="data:image/png;base64,') == 4
    assert "soil &lt;b&gt;" in text
    assert "&lt;i&gt;x &amp; y" in text
    assert "<b>soil" not in text
    assert "<i>x" not in text
    assert not re.search(r"https?:|<script|<link|@import|url\(|src=\"(?!data:)|href=", text)


@pytest.mark.skipif(not CAMVID.is_dir(), reason="CamVid is not here")
def test_real_frames_of_two_videos_are_no_copies(capsys):
    spoilt, findings = diagnose(capsys, (camvid.spec(), CAMVID))
    assert not spoilt, findings


def test_the_exit_code_tells_what_would_spoil_training(tmp_path, capsys):
    folder = draw(tmp_path / "garden")
    lines = (f"{name},{r},{g},{b}" for name, (r, g, b) in zip(CLASSES, COLORS, strict=True))
    (folder / "classes.csv").write_text("\n".join(["name,r,g,b", *lines]))
    cli.main(["inspect", f"--input={folder}"])
    cli.main(["convert", "--dataset=folder", f"--source={folder}", f"--output={tmp_path / 'out'}"])
    cli.main(["inspect", f"--input={tmp_path / 'out'}"])
    cli.main(["inspect", f"--input={tmp_path / 'out'}", "--verify"])
    assert "every shard is what was written" in capsys.readouterr().out
    (folder / "val_labels" / "4.png").unlink()
    shard = next((tmp_path / "out").rglob("*val.tfrecord*"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    for argv, said in (
        ([f"--input={folder}"], "val/4.png has no partner"),
        ([f"--input={tmp_path / 'out'}", "--verify"], shard.name),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main(["inspect", *argv])
        assert left.value.code == 1
        assert said in capsys.readouterr().out
