"""The doctor: equal facts for raw data and records, copies, the page, the exit code."""

import re

import cv2
import numpy as np
import pytest
from helpers.garden import CLASSES, COLORS, SIZE, diagnose, draw, image, spec, void_label
from helpers.small import CAMVID
from PIL import Image

from tfseg import cli
from tfseg.datasets import camvid
from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec
from tfseg.doctor import inspect, report
from tfseg.doctor.inputs import RawInput, RecordsInput
from tfseg.doctor.issues import Issues
from tfseg.doctor.leakage import nearest, twins
from tfseg.doctor.survey import survey, thumbnail
from tfseg.records.convert import convert
from tfseg.records.histogram import class_histogram
from tfseg.records.reader import open_records


def test_a_clean_folder(tmp_path, capsys):
    spoilt, findings = diagnose(capsys, (spec(), draw(tmp_path / "x")))
    assert not spoilt
    assert findings == ["no problem found"]


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
    """As another program may write them: a table with fewer classes than the labels."""
    short = spec(CLASSES[:3], coding=indices(4))
    folder = convert(short, draw(tmp_path / "x"), tmp_path / "records")
    spoilt, findings = diagnose(capsys, open_records(folder))
    assert spoilt
    assert "belong to no class (values 3; the first: value 3 in its label in" in findings[0]
    assert "train.tfrecord-00000-of-00001, example 0 of train (byte 12)" in findings[0]


def test_twins_are_distinguished_from_neighbours():
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


def test_samples_and_the_page(tmp_path, capsys):
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
        assert picture.size[0] == 4 * 2 * SIZE[1]  # 4 training frames with their labels
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


def test_the_exit_code_shows_whether_there_are_problems(tmp_path, capsys):
    folder = draw(tmp_path / "garden")
    lines = (f"{name},{r},{g},{b}" for name, (r, g, b) in zip(CLASSES, COLORS, strict=True))
    (folder / "classes.csv").write_text("\n".join(["name,r,g,b", *lines]))
    cli.main(["inspect", f"--input={folder}"])
    cli.main(["convert", "--dataset=folder", f"--source={folder}", f"--output={tmp_path / 'out'}"])
    cli.main(["inspect", f"--input={tmp_path / 'out'}"])
    cli.main(["inspect", f"--input={tmp_path / 'out'}", "--verify"])
    assert "no shard has changed" in capsys.readouterr().out
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
