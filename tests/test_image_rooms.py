"""One file gives the same pixels everywhere: records, raw folders, the server, exports."""

import json

import numpy as np
import pytest
from fastapi import HTTPException
from helpers.folders import draw
from helpers.image_files import saved, smooth, tiff
from helpers.refusals import refused

import tfseg
from tfseg.cli import main
from tfseg.exporting.saved_model import _decode
from tfseg.images import read_image
from tfseg.serving.pictures import for_graph, read_picture

RGB = smooth(20, 30)
TALL = np.rot90(RGB).copy()  # its EXIF turns it back
WIDE = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
TWELVE = (WIDE >> 4).astype(np.uint16)
MASK = np.zeros((20, 30), np.uint8)
MASK[:9] = 255

FILES = {  # name: (bytes, suffix, range)
    "JPEG": (saved(RGB, "JPEG"), ".jpg", None),
    "turned JPEG": (saved(TALL, "JPEG", 6), ".jpg", None),
    "turned PNG": (saved(TALL, "PNG", 6), ".png", None),
    "turned WebP": (saved(TALL, "WEBP", 6, lossless=True), ".webp", None),
    "turned TIFF": (tiff(TALL, 6), ".tif", None),
    "RGBA PNG": (saved(np.dstack([RGB, RGB[..., 0]]), "PNG"), ".png", None),
    "16-bit PNG": (saved(WIDE, "PNG"), ".png", None),
    "12-bit PNG": (saved(TWELVE, "PNG"), ".png", (0.0, 4095.0)),
    "16-bit TIFF": (tiff(np.stack([WIDE] * 3, axis=-1)), ".tif", (1000.0, 9000.0)),
    "float TIFF": (tiff(WIDE.astype(np.float32)), ".tif", (0.0, 65535.0)),
}


def own_folder(folder, data, suffix, mask=MASK):
    """Writes two frames of the same image, and their masks."""
    files = {f"images/{i}{suffix}": data for i in range(2)}
    return draw(folder, files | {f"masks/{i}.png": mask for i in range(2)})


def ranged(pixel_range):
    return [f"--pixel_range={pixel_range[0]:g},{pixel_range[1]:g}"] if pixel_range else []


@pytest.mark.parametrize("name", FILES)
def test_every_room_sees_the_same_pixels(name, tmp_path):
    data, suffix, pixel_range = FILES[name]
    raw = own_folder(tmp_path / "raw", data, suffix)
    wanted = read_image(data, pixel_range)
    assert wanted.shape == (20, 30, 3)
    argv = ["convert", "--dataset=folder", f"--source={raw}", f"--output={tmp_path / 'records'}"]
    main([*argv, "--workers=1", *ranged(pixel_range)])
    for place in (raw, tmp_path / "records"):
        records = tfseg.open_records(place, val_fraction=0.5, pixel_range=pixel_range)
        assert records.info.pixel_range == pixel_range
        image, label = records.splits["train"].frame(0)
        np.testing.assert_array_equal(image, wanted)
        assert label.shape == (20, 30)
    pixels, own = read_picture(data, 10_000, pixel_range=pixel_range)
    np.testing.assert_array_equal(pixels, wanted)
    assert own == (20, 30)
    if suffix in (".png", ".jpg"):  # formats of an export's graph
        seen = _decode(for_graph(data, 10_000, pixel_range), pixel_range)
        np.testing.assert_array_equal(seen, wanted)


def test_the_server_answers_the_readers_line():
    for data, message in (
        (b"hello", "the image is damaged or not an image: its format is not supported"),
        (saved(RGB, "PNG")[:200], "the image is damaged or not an image"),
        (tiff(smooth(20, 30, 5), extra=(0, 0)), "the image has 5 bands; wanted gray or RGB"),
        (tiff(WIDE.astype(np.float32)), "the image holds floats from 0 to 65535"),
    ):
        with pytest.raises(HTTPException) as answered:
            read_picture(data, 10_000)
        assert answered.value.status_code == 400
        assert answered.value.detail.startswith(message)
    with pytest.raises(HTTPException) as answered:
        read_picture(saved(RGB, "PNG"), 599)
    assert answered.value.status_code == 413


def test_a_quarter_turn_between_image_and_mask_says_exif(tmp_path, capsys):
    raw = own_folder(tmp_path / "raw", saved(TALL, "JPEG"), ".jpg")
    line = refused(capsys, "convert", "--dataset=folder", f"--source={raw}", "--workers=1",
                   f"--output={tmp_path / 'out'}")  # fmt: skip
    assert "is 30x20 but" in line
    assert "quarter turn" in line
    assert "EXIF" in line
    (finding,) = (found for found in tfseg.inspect(input=raw, workers=1) if found.spoils)
    assert "EXIF" in finding.text
    assert finding.text.endswith("(and 1 more like it)")


def test_inspect_and_convert_say_what_is_odd(tmp_path, capsys):
    raw = own_folder(tmp_path / "dim", saved(TWELVE, "PNG"), ".png")
    texts = [f.text for f in tfseg.inspect(input=raw, workers=1) if f.spoils]
    assert any("values to 4095 of 65535" in text for text in texts)
    assert any(text.endswith("--pixel_range=0,4095") for text in texts)
    ranged = tfseg.inspect(input=raw, workers=1, pixel_range="0,4095")
    assert not any(finding.spoils for finding in ranged)
    capsys.readouterr()
    tfseg.convert(dataset="folder", source=raw, output=tmp_path / "a", workers=1)
    assert "--pixel_range=0,4095" in capsys.readouterr().out
    black = own_folder(tmp_path / "black", np.zeros((20, 30, 3), np.uint8), ".png")
    texts = [f.text for f in tfseg.inspect(input=black, workers=1) if f.spoils]
    assert any("2 of 2 images have a single gray level" in text for text in texts)
    clear = own_folder(tmp_path / "clear", np.dstack([RGB, RGB[..., 0]]), ".png")
    assert any("transparency, which is ignored" in f.text for f in tfseg.inspect(input=clear))


def test_other_ranges_are_other_records(tmp_path, capsys):
    raw = own_folder(tmp_path / "raw", saved(TWELVE, "PNG"), ".png")
    argv = ["--dataset=folder", f"--source={raw}", f"--output={tmp_path / 'out'}", "--workers=1"]
    main(["convert", *argv, "--pixel_range=0,4095"])
    capsys.readouterr()
    assert "holds another conversion" in refused(capsys, "convert", *argv)
    (folder,) = (path.parent for path in tmp_path.rglob("metadata.json"))
    assert json.loads((folder / "metadata.json").read_text())["pixel_range"] == [0, 4095]
    for text in ("4095", "0,0", "9,1", "0,nan", "0,inf", "a,b"):
        line = refused(capsys, "convert", *argv, f"--pixel_range={text}")
        assert f"--pixel_range={text}: wanted two numbers like 0,4095" in line
