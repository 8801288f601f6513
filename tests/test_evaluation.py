"""Trained runs at work: test, predict, load, export, and what they refuse."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.cli import main


@pytest.fixture(scope="module")
def segmenter(run):
    return tfseg.load(run)


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), "uint8")
    cv2.imwrite(str(tmp_path / "photo.png"), pixels[..., ::-1])
    return tmp_path / "photo.png", pixels


def test_load_predicts_files_and_arrays_at_their_own_size(segmenter, photo):
    path, pixels = photo
    mask = segmenter.predict(path)
    assert mask.dtype == np.uint8
    assert mask.shape == (61, 83)
    np.testing.assert_array_equal(segmenter.predict(pixels), mask)
    np.testing.assert_array_equal(np.argmax(segmenter.model(pixels[None])[0], -1), mask)


def test_test_writes_the_figures_of_the_run(run, capsys):
    main(["test", f"--run={run}", "--gpu=-1", "--batch_size=2"])
    printed = capsys.readouterr().out
    assert "mIoU" in printed
    assert "Bicyclist" in printed
    figures = json.loads((run / "test-val.json").read_text())
    assert figures == json.loads((run / "results.json").read_text())
    rows = list(csv.reader((run / "test-val" / "confusion.csv").read_text().splitlines()))
    matrix = np.array([row[1:] for row in rows[1:]], int)
    assert rows[0][1:] == [row[0] for row in rows[1:]]
    records = tfseg.open_records(_input(run))
    labels = [_label(records.splits["val"], i) for i in range(3)]
    assert matrix.sum() == sum((label != 255).sum() for label in labels)
    accuracy = np.trace(matrix) / matrix.sum()
    assert figures["pixel_accuracy"] == pytest.approx(accuracy)
    assert len(list((run / "test-val").glob("frame-*.png"))) == 3
    assert (run / "test-val" / "confusion.png").exists()


def _input(run):
    return json.loads((run / "config.json").read_text())["input"]


def _label(split, index):
    from tfseg.records.example import decode

    return decode(split.read(index), split.info.encoding)[1].numpy()


def test_predict_writes_palette_masks_and_overlays(run, segmenter, photo, tmp_path):
    path, pixels = photo
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(path, folder / "a.png")
    cv2.imwrite(str(folder / "b.jpg"), np.full((40, 50, 3), 99, np.uint8))
    main(
        ["predict", f"--run={run}", f"--input={folder}", f"--output={tmp_path / 'out'}", "--gpu=-1"]
    )
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["a.png", "a_overlay.png", "b.png", "b_overlay.png"]
    mask = Image.open(tmp_path / "out" / "a.png")
    assert mask.mode == "P"
    np.testing.assert_array_equal(np.asarray(mask), segmenter.predict(pixels))
    assert tuple(mask.getpalette()[:3]) == segmenter.colors[0]
    assert cv2.imread(str(tmp_path / "out" / "b_overlay.png")).shape == (40, 50, 3)


def test_predict_overwrites_no_picture_and_no_answer(run, photo, tmp_path, capsys):
    path, _ = photo
    shutil.copy(path, path.with_name("photo_overlay.png"))
    for output, message in ((path.parent, "would overwrite"), (tmp_path / "o", "both become")):
        with pytest.raises(SystemExit) as stopped:
            main(["predict", f"--run={run}", f"--input={path.parent}", f"--output={output}"])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err
    assert Image.open(path).mode == "RGB"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["predict", "--input=RUN/none.png"], "none.png does not exist"),
        (["predict", "--input=RUN/config.json"], "is not a picture that can be read"),
        (["predict", "--input=RUN/checkpoints"], "holds no pictures"),
        (["predict", "--input=RUN", "--checkpoint=RUN/x.pth"], "x.pth does not exist"),
        (["test", "--split=test"], "--split=test is not in"),
        (["test", "--checkpoint=RUN/config.json"], "that ends in .weights.h5"),
    ],
)
def test_mistakes(argv, message, run, capsys):
    shutil.copy(next(run.rglob("frame-*.png"), run / "config.json"), run / "x.png")
    argv = [word.replace("RUN", str(run)) for word in argv]
    with pytest.raises(SystemExit) as stopped:
        main([argv[0], f"--run={run}", "--gpu=-1", *argv[1:]])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_picture_too_small_is_named(run, tmp_path, capsys):
    Image.new("RGB", (40, 20)).save(tmp_path / "tiny.png")
    with pytest.raises(SystemExit):
        main(["predict", f"--run={run}", f"--input={tmp_path / 'tiny.png'}", "--gpu=-1"])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith("tiny.png has 20x40 pixels; linknet needs 32 a side")


def test_records_of_other_classes_are_refused(run, tmp_path, capsys):
    import dataclasses

    from conftest import few_streets

    from tfseg.records.convert import convert

    spec = few_streets(1, 1)
    convert(dataclasses.replace(spec, classes=spec.classes[::-1]), None, tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["test", f"--run={run}", f"--input={tmp_path}", "--gpu=-1"])
    assert stopped.value.code == 2
    assert "was trained on 11 (Sky, Building, Pole" in capsys.readouterr().err
