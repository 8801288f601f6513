"""Inputs of `predict` and `Segmenter`: folders, patterns, lists, arrays, and pixel ranges."""

import json

import cv2
import numpy as np
import pytest
from helpers.image_files import png_that_says, saved, smooth, tiff
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.errors import UserError
from tfseg.images import MOST_PIXELS
from tfseg.prediction import segmenter as segmenters
from tfseg.prediction.inputs import find_images

RGB = smooth(48, 64)


@pytest.fixture(scope="module")
def segmenter(run):
    return tfseg.load(run)


def predict(run, source, output, *flags):
    main(["predict", f"--run={run}", f"--input={source}", f"--output={output}", "--gpu=-1", *flags])


@pytest.fixture
def photos(tmp_path):
    for name in ("a.jpg", "b.png", "north/a.jpg", "north/far/c.png", ".cache/d.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RGB).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    return tmp_path / "photos"


def places(given, output="out"):
    return [str(place) for _, place in find_images(given, output)]


def test_a_folder_keeps_its_structure(run, photos, tmp_path):
    predict(run, photos, tmp_path / "out", "--save=mask")
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png"))
    assert found == ["a.png", "b.png", "north/a.png", "north/far/c.png"]


def test_patterns_and_lists(photos, tmp_path):
    out = tmp_path / "out"
    assert places(photos / "*.jpg", out) == ["a"]
    assert places(photos / "**" / "*.jpg", out) == ["a", "north/a"]
    assert places(photos / "*" / "a.jpg", out) == ["north/a"]
    both = type(photos)(f"{photos / 'a.jpg'},{photos / 'north' / 'far'}")
    assert places(both, out) == ["a", "far/c"]
    odd = photos / "x,[1].png"
    odd.write_bytes(saved(RGB, "PNG"))
    assert places(odd, out) == ["x,[1]"]


def test_home_is_found_in_lists_and_patterns(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tfseg.config.PredictConfig.of(input="~/photos/a.jpg,~/photos/*.png")
    assert places(config.input, tmp_path / "out") == ["a", "b"]


def test_masks_of_an_earlier_call_are_no_images(photos):
    (photos / "out").mkdir()
    (photos / "out" / "a.png").write_bytes(saved(RGB, "PNG"))
    assert "out/a" not in places(photos, photos / "out")
    assert "out/a" in places(photos, photos.parent / "other")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("none.png", "none.png does not exist; check its name"),
        ("*.bmp", r"matches no images \(.*\); check the pattern"),
        ("a.jpg,PHOTOS/none", "input=none|none does not exist"),
    ],
)
def test_invalid_inputs(given, message, photos, tmp_path):
    with pytest.raises(UserError, match=message):
        find_images(photos / given.replace("PHOTOS", str(photos)), tmp_path / "out")


def test_answers_that_would_fall_together_are_refused(run, photos, tmp_path, capsys):
    source = f"{photos / 'a.jpg'},{photos / 'north' / 'a.jpg'}"
    with pytest.raises(SystemExit):
        predict(run, source, tmp_path / "out")
    assert "would both become" in capsys.readouterr().err


def test_gray_batches_and_pil_images(segmenter, tmp_path):
    gray, other = RGB[..., 0], smooth(48, 64, seed=1)
    wanted = segmenter.predict(np.repeat(gray[..., None], 3, axis=-1))
    for image in (gray, gray[..., None], Image.fromarray(gray)):
        np.testing.assert_array_equal(segmenter.predict(image), wanted)
    batch = segmenter.predict(np.stack([RGB, other]))
    assert batch.shape == (2, 48, 64)
    np.testing.assert_array_equal(batch[0], segmenter.predict(RGB))
    np.testing.assert_array_equal(batch[1], segmenter.predict(Image.fromarray(other)))
    assert segmenter.probabilities(np.stack([RGB, other])).shape[:3] == (2, 48, 64)
    (tmp_path / "lying.jpg").write_bytes(saved(RGB, "JPEG", orientation=6))
    with Image.open(tmp_path / "lying.jpg") as photo:
        mask = segmenter.predict(photo)
    np.testing.assert_array_equal(mask, segmenter.predict(tmp_path / "lying.jpg"))
    assert mask.shape == (64, 48)


WRONG = {
    "floats": (RGB / np.float32(255), r"image of float32 from .* to .*; wanted uint8 levels of 0"),
    "16 bits": (RGB.astype(np.uint16) * 257, r"image of uint16 from .*; wanted uint8 levels"),
    "wide": (RGB.astype(int), r"image of int64 from .*; wanted uint8 levels"),
    "bool": (RGB > 9, r"image of bool; wanted uint8 levels"),
    "PIL floats": (Image.fromarray(RGB[..., 0]).convert("F"), r"image of float32 from"),
    "RGBA": (np.dstack([RGB, RGB[..., 0]]), r"image of shape \(48, 64, 4\); wanted RGB"),
    "flat": (RGB.reshape(-1), r"image of shape \(9216,\); wanted RGB"),
    "none": (RGB[:0], r"image of shape \(0, 64, 3\); wanted RGB"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("ask", ["predict", "probabilities"])
def test_other_arrays_are_refused(kind, ask, segmenter):
    array, message = WRONG[kind]
    with pytest.raises(UserError, match=message):
        getattr(segmenter, ask)(array)


def test_huge_images_need_tiles(run, tmp_path, monkeypatch):
    (tmp_path / "huge.png").write_bytes(png_that_says(20_000, 10_000))
    with pytest.raises(UserError, match=r"10000x20000 .*178,956,970 in all; give tile=1024"):
        tfseg.load(run).predict(tmp_path / "huge.png")
    assert tfseg.load(run, tile=32).open(tmp_path / "huge.png").size == (10_000, 20_000)
    monkeypatch.setattr(segmenters, "MOST_PIXELS", 1000)  # so that a small image counts as huge
    (tmp_path / "large.png").write_bytes(saved(RGB, "PNG"))
    assert MOST_PIXELS > 1000
    with pytest.raises(UserError, match="tile"):
        tfseg.load(run).predict(tmp_path / "large.png")
    assert tfseg.load(run, tile=32).predict(tmp_path / "large.png").shape == (48, 64)


def test_alpha_is_said_once(run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        data = saved(np.dstack([RGB, RGB[..., 0]]), "PNG")
        (tmp_path / "in" / f"{name}.png").write_bytes(data)
    predict(run, tmp_path / "in", tmp_path / "out")
    notes = [line for line in capsys.readouterr().out.splitlines() if "transparency" in line]
    assert len(notes) == 1
    assert notes[0].startswith("note: 2 of 2 images have transparency, which is ignored")


# A pixel range, from the raw folder through the run to masks and exports


@pytest.fixture(scope="module")
def sensor(tmp_path_factory):
    """A raw folder of 12-bit images in 16-bit files, and one of the same images in 8 bits."""
    root = tmp_path_factory.mktemp("sensor")
    for kind in ("deep", "plain"):
        for split in ("train", "val"):
            for folder in ("images", "labels"):
                (root / kind / folder / split).mkdir(parents=True)
            for i in range(4):
                levels = smooth(48, 64, seed=i)
                image = levels if kind == "plain" else np.rint(levels * (4095 / 255))
                image = image.astype(np.uint8 if kind == "plain" else np.uint16)
                place = root / kind / "images" / split / f"{i}.png"
                cv2.imwrite(str(place), image[..., ::-1])
                label = (levels[..., 0] > 128).astype(np.uint8)
                cv2.imwrite(str(root / kind / "labels" / split / f"{i}.png"), label)
        (root / kind / "classes.csv").write_text("name,r,g,b\ndark,0,0,0\nlight,255,255,255\n")
    return root


def test_inspect_names_the_range(sensor, capsys):
    found = tfseg.inspect(input=sensor / "deep", workers=1)
    (finding,) = [f for f in found if "pixel_range" in f.text]
    assert finding.spoils
    assert "use values to 40" in finding.text
    assert "--pixel_range=0,4095" in finding.text
    again = tfseg.inspect(input=sensor / "deep", pixel_range="0,4095", workers=1)
    assert not [f for f in again if "pixel_range" in f.text]


def test_flat_images_are_found(sensor, tmp_path, capsys):
    found = tfseg.inspect(input=sensor / "plain", workers=1)
    assert not [f for f in found if "single gray level" in f.text]
    for path in (sensor / "plain" / "images").rglob("*.png"):
        copy = tmp_path / path.relative_to(sensor / "plain")
        copy.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(copy), np.full((48, 64, 3), 9, np.uint8))
        label = tmp_path / "labels" / path.relative_to(sensor / "plain" / "images")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_bytes((sensor / "plain" / label.relative_to(tmp_path)).read_bytes())
    table = (sensor / "plain" / "classes.csv").read_text()
    (tmp_path / "classes.csv").write_text(table)
    assert any(
        f.spoils and "single gray level" in f.text for f in tfseg.inspect(input=tmp_path, workers=1)
    )
    capsys.readouterr()
    tfseg.convert(dataset="folder", source=tmp_path, output=tmp_path / "records", workers=1)
    assert "note: 8 of 8 images have a single gray level" in capsys.readouterr().out


def test_the_range_goes_from_raw_images_to_exports(sensor, tmp_path):
    options = {"epochs": 1, "batch_size": 2, "gpu": "-1", "precision": "float32", "pictures": 0}
    run = tfseg.train(
        input=sensor / "deep", pixel_range="0,4095", savedir=tmp_path / "run", **options
    )
    assert json.loads((run / "config.json").read_text())["pixel_range"] == [0, 4095]
    deep, plain = (sensor / kind / "images" / "val" / "1.png" for kind in ("deep", "plain"))
    segmenter = tfseg.load(run)
    mask = segmenter.predict(deep)
    np.testing.assert_array_equal(mask, segmenter.predict(plain))
    assert tfseg.test(run=run, split="val", gpu="-1")["miou"] >= 0
    exported = tfseg.export(run=run, output=tmp_path / "export" / "1")
    assert json.loads((exported / "labels.json").read_text())["pixel_range"] == [0, 4095]
    import tensorflow as tf

    model = tf.saved_model.load(str(exported))
    files = tf.constant([deep.read_bytes(), plain.read_bytes(), saved(RGB, "JPEG")])
    pngs = model.signatures["encoded"](image_bytes=files)["mask_png"].numpy()
    for png in pngs[:2]:
        np.testing.assert_array_equal(tf.io.decode_png(png)[..., 0], mask)


def test_records_keep_their_range_and_refuse_another(sensor, tmp_path):
    source = {"dataset": "folder", "source": sensor / "deep", "workers": 1}
    path = tfseg.convert(output=tmp_path / "r", pixel_range="0,4095", **source)
    assert tfseg.open_records(path).info.pixel_range == (0, 4095)
    with pytest.raises(UserError, match="holds another conversion"):
        tfseg.convert(output=tmp_path / "r", pixel_range="0,1023", **source)
    with pytest.raises(UserError, match=r"pixel_range=0,1023: .* converted with pixel_range=0,4"):
        tfseg.train(input=path, pixel_range="0,1023", savedir=tmp_path / "x", gpu="-1")
    with pytest.raises(UserError, match="wanted two numbers like 0,4095"):
        tfseg.convert(output=tmp_path / "r", pixel_range="9,0", **source)


def test_a_quarter_turn_says_exif(sensor, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.csv").write_text("name\na\nb\n")
    (tmp_path / "images" / "1.jpg").write_bytes(saved(RGB, "JPEG", orientation=6))
    (tmp_path / "labels" / "1.png").write_bytes(saved(RGB[..., 0] // 128, "PNG"))
    message = r"1.jpg is 64x48 but .*1.png is 48x64 .*quarter turn.* EXIF orientation"
    with pytest.raises(UserError, match=message):
        tfseg.convert(dataset="folder", source=tmp_path, output=tmp_path / "r", workers=1)
    assert any("EXIF" in f.text for f in tfseg.inspect(input=tmp_path, workers=1))


def test_bands_are_named_by_predict(segmenter, tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff(smooth(48, 64, 4)))
    with pytest.raises(UserError, match=r"x.tif has 4 bands"):
        segmenter.predict(tmp_path / "x.tif")
