"""`predict` and `tfseg.load`: masks of files and folders, and refusals."""

import shutil

import numpy as np
import pytest
from helpers.refusals import refused
from helpers.videos import video
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.prediction.engine import uncertainty
from tfseg.visualize import overlay


@pytest.fixture(scope="module")
def segmenter(run):
    return tfseg.load(run)


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), "uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png", pixels


def predict(run, source, output, *flags):
    main(["predict", f"--run={run}", f"--input={source}", f"--output={output}", "--gpu=-1", *flags])


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_load_predicts_files_and_arrays_at_their_own_size(segmenter, photo):
    path, pixels = photo
    mask = segmenter.predict(path)
    assert mask.dtype == np.uint8
    assert mask.shape == (61, 83)
    np.testing.assert_array_equal(segmenter.predict(pixels), mask)
    np.testing.assert_array_equal(np.argmax(segmenter.model(pixels[None])[0], -1), mask)


def test_palette_masks_and_overlays_of_a_folder(run, segmenter, photo, tmp_path):
    path, pixels = photo
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(path, folder / "a.png")
    Image.new("RGB", (50, 40), (99, 99, 99)).save(folder / "b.jpg")
    (folder / "._b.jpg").write_bytes(b"what macOS leaves on foreign disks")
    (folder / "notes.txt").write_text("no picture")
    predict(run, folder, output)
    assert listed(output) == ["a.png", "a_overlay.png", "b.png", "b_overlay.png"]
    mask = Image.open(output / "a.png")
    assert mask.mode == "P"
    np.testing.assert_array_equal(np.asarray(mask), segmenter.predict(pixels))
    assert tuple(mask.getpalette()[:3]) == segmenter.colors[0]
    shown = overlay(pixels, np.asarray(mask), segmenter.colors)
    np.testing.assert_array_equal(np.asarray(Image.open(output / "a_overlay.png")), shown)
    assert Image.open(output / "b_overlay.png").size == (50, 40)


def test_every_answer_that_can_be_saved(run, segmenter, photo, tmp_path):
    path, pixels = photo
    predict(run, path, tmp_path / "out", "--save=mask,overlay,probabilities,uncertainty")
    names = ["photo.png", *(f"photo_{kind}.png" for kind in ("overlay", "uncertainty"))]
    assert listed(tmp_path / "out") == sorted([*names, "photo_probabilities.npy"])
    found = np.load(tmp_path / "out" / "photo_probabilities.npy")
    assert found.dtype == np.float16
    assert found.shape == (61, 83, len(segmenter.classes))
    np.testing.assert_allclose(found.astype(np.float32).sum(-1), 1, atol=5e-3)
    wanted = segmenter.probabilities(pixels)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    mask = np.asarray(Image.open(tmp_path / "out" / "photo.png"))
    np.testing.assert_array_equal(mask, wanted.argmax(-1))
    shade = np.rint(255 * uncertainty(wanted)).astype(np.uint8)
    shown = np.asarray(Image.open(tmp_path / "out" / "photo_uncertainty.png")).astype(int)
    brightness = [shown[shade == level].sum(-1).mean() for level in np.unique(shade)]
    assert (np.diff(brightness) >= 0).all()  # the less sure, the brighter


def test_uncertainty_alone(run, photo, tmp_path):
    predict(run, photo[0], tmp_path / "out", "--save=uncertainty")
    assert listed(tmp_path / "out") == ["photo_uncertainty.png"]


def test_threads_mix_nothing_up(run, segmenter, tmp_path):
    """More images than the threads read ahead, of several sizes."""
    folder, rng = tmp_path / "in", np.random.default_rng(1)
    folder.mkdir()
    pictures = {}
    for i in range(6):
        pictures[f"{i}.png"] = rng.integers(0, 256, (32 + i % 2, 40, 3), np.uint8)
        Image.fromarray(pictures[f"{i}.png"]).save(folder / f"{i}.png")
    for workers in (1, 3):
        predict(run, folder, tmp_path / str(workers), "--save=mask", f"--workers={workers}")
        assert listed(tmp_path / str(workers)) == sorted(pictures)
        for name, pixels in pictures.items():
            mask = np.asarray(Image.open(tmp_path / str(workers) / name))
            np.testing.assert_array_equal(mask, segmenter.predict(pixels), err_msg=name)


def test_a_damaged_image_ends_it_and_leaves_complete_files(run, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        Image.new("RGB", (50, 40), (9, 9, 99)).save(folder / f"{name}.png")
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SystemExit) as stopped:
        predict(run, folder, tmp_path / "out", "--workers=1")
    assert stopped.value.code == 2
    assert "b.png is damaged or not an image" in capsys.readouterr().err
    assert listed(tmp_path / "out") == ["a.png", "a_overlay.png"]
    assert Image.open(tmp_path / "out" / "a_overlay.png").size == (50, 40)


def test_no_image_and_no_output_is_overwritten(run, photo, tmp_path, capsys):
    path, _ = photo
    shutil.copy(path, path.with_name("photo_overlay.png"))
    for output, message in ((path.parent, "would overwrite"), (tmp_path / "o", "both become")):
        argv = ["predict", f"--run={run}", f"--input={path.parent}", f"--output={output}"]
        assert message in refused(capsys, *argv)
    assert Image.open(path).mode == "RGB"
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--input=DIR/none.png"], "none.png does not exist"),
        (["--input=DIR/text.png"], "text.png is damaged or not an image"),
        (["--input=DIR/empty"], "holds no images"),
        (["--input=DIR/photo.png", "--output=DIR/out/mask.png"], "mask.png: for images, wanted a"),
        (["--input=DIR/photo.png", "--checkpoint=DIR/x.pth"], "x.pth does not exist"),
        (
            ["--input=DIR/photo.png", "--save=maskk"],
            "--save=maskk: choose one of mask, ",
        ),
        (["--input=DIR/photo.png", "--save=mask,,"], "wanted names like"),
        (["--input=DIR/tiny.png"], "tiny.png has 20x40 pixels; linknet needs 32 a side"),
        (["--input=DIR/photo.png", "--tile=16"], "--tile=16: a tile has 16x16 pixels; linknet"),
        (["--input=DIR/photo.png", "--mc_samples=3"], "linknet has no dropout to sample from"),
        (["--input=DIR/none.mp4", "--output=DIR/out/v.mp4"], "there is no such file"),
        (["--input=DIR/text.mp4", "--output=DIR/out/v.mp4"], "text.mp4 is not a readable video"),
        (["--input=77", "--output=DIR/out/v.mp4"], "--input=77 is not a readable camera"),
        (["--input=DIR/a.avi", "--output=DIR/out.v2"], "wanted a folder, or a file for the video"),
        (["--input=DIR/a.avi", "--output=DIR/out/v.gif"], "v.gif: wanted a folder, or a file"),
        (["--input=DIR/a.avi", "--output=DIR/a.avi"], "would overwrite its input"),
        (
            ["--input=DIR/a.avi", "--output=DIR/out/v.mp4", "--save=uncertainty"],
            "--save=uncertainty: for a video, give mask or overlay",
        ),
    ],
    ids=lambda value: value[:40].replace("/", "_") if isinstance(value, str) else "",
)
def test_mistakes_end_in_one_line_and_leave_nothing(flags, message, run, photo, tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    for name in ("text.png", "text.mp4"):
        (tmp_path / name).write_text("hello")
    Image.new("RGB", (40, 20)).save(tmp_path / "tiny.png")
    if "a.avi" in flags[0]:
        video(tmp_path / "a.avi")
    before = listed(tmp_path)
    flags = [word.replace("DIR", str(tmp_path)) for word in flags]
    with pytest.raises(SystemExit) as stopped:  # the last --output wins
        predict(run, "nothing", tmp_path / "out", *flags)
    assert stopped.value.code == 2
    errors = capfd.readouterr().err.splitlines()
    assert errors[-1].startswith("error: ")
    assert message in errors[-1]
    assert "VIDEOIO" not in "".join(errors)  # OpenCV's own message about cameras
    left = listed(tmp_path)
    assert left == before or (left == sorted([*before, "out"]) and not listed(tmp_path / "out"))
