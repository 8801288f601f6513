"""`predict` of videos and cameras: the output, and its playback in a browser."""

import http.server
import importlib.util
import threading
from functools import partial

import cv2
import numpy as np
import pytest
from helpers.refusals import refused
from helpers.videos import played, video

import tfseg
from tfseg.cli import main
from tfseg.config import PredictConfig
from tfseg.prediction.video import label_video, open_video
from tfseg.visualize import colorize, overlay


@pytest.fixture(scope="module")
def segmenter(run):
    return tfseg.load(run)


def predict(run, source, output, *flags):
    main(["predict", f"--run={run}", f"--input={source}", f"--output={output}", "--gpu=-1", *flags])


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("source", "target", "save"),
    [("a.mp4", "b.mp4", "overlay"), ("a.avi", "b.avi", "mask"), ("a.mp4", "b.mkv", "mask,overlay")],
)
def test_a_video_becomes_a_video(source, target, save, run, segmenter, tmp_path, capsys):
    source, target = video(tmp_path / source), tmp_path / "new" / target
    predict(run, source, target, f"--save={save}")
    assert f"wrote 7 frames to {target}" in capsys.readouterr().out
    assert listed(target.parent) == [target.name]
    (before, rate), (after, new_rate) = played(source), played(target)
    assert len(after) == len(before)
    assert new_rate == rate
    for image, shown in zip(before, after, strict=True):
        mask, colors = segmenter.predict(image), segmenter.colors
        wanted = overlay(image, mask, colors) if "overlay" in save else colorize(mask, colors)
        assert shown.shape == image.shape
        blurred = [cv2.blur(picture, (9, 9)).astype(int) for picture in (shown, wanted)]
        assert np.abs(blurred[0] - blurred[1]).mean() < 12  # the codec loses some


class Stopped:
    """A network that is stopped at its third frame."""

    colors = ((1, 2, 3),)

    def __init__(self, error):
        self.frames, self.error = 0, error

    def predict(self, image):
        self.frames += 1
        if self.frames == 3:
            raise self.error
        return np.zeros(image.shape[:2], np.uint8)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_video_that_was_stopped_is_not_there(error, tmp_path):
    source = video(tmp_path / "a.avi")
    old = tmp_path / "b.avi"
    old.write_bytes(b"of an earlier one")
    config = PredictConfig(input=source, output=old)
    with pytest.raises(error):
        label_video(config, open_video(config), Stopped(error))
    assert old.read_bytes() == b"of an earlier one"
    assert listed(tmp_path) == ["a.avi", "b.avi"]


def test_ctrl_c_ends_a_camera_and_keeps_its_video(tmp_path):
    """A file stands in for the camera, as both are read the same way."""
    config = PredictConfig(input=video(tmp_path / "a.avi"), output=tmp_path / "b.avi")
    label_video(config, open_video(config), Stopped(KeyboardInterrupt), camera=True)
    assert len(played(tmp_path / "b.avi")[0]) == 2


def test_a_video_cut_short_says_so(run, tmp_path, capsys):
    source = video(tmp_path / "a.avi")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 3 // 4])
    predict(run, source, tmp_path / "b.avi")
    printed = capsys.readouterr().out
    assert f"note: {source} should have 7 frames" in printed
    frames = len(played(tmp_path / "b.avi")[0])
    assert 0 < frames < 7
    assert f"wrote {frames} frames" in printed


class Painted:
    """Stands in for a network: masks of any size, one class left, one right."""

    colors = ((200, 30, 30), (20, 60, 220))

    def predict(self, image):
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[:, image.shape[1] // 2 :] = 1
        return mask


@pytest.fixture
def address(tmp_path):
    """The URL of the files in `tmp_path`."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


PLAY = """async (name) => {
    const video = document.createElement('video');
    video.muted = true;
    video.src = name;
    document.body.append(video);
    await new Promise((done, failed) => {
        video.onended = done;
        video.onerror = () => failed(video.error.message);
        video.play();
    });
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const color = (x) => [...context.getImageData(x, 5, 1, 1).data].slice(0, 3);
    return {
        ready: video.readyState, size: [video.videoHeight, video.videoWidth],
        seconds: video.duration, colors: [color(5), color(video.videoWidth - 6)],
    };
}"""


@pytest.mark.parametrize("name", ["masks.mp4", "masks.mkv", "masks.webm", "masks.mov"])
@pytest.mark.parametrize("size", [(48, 64), (49, 65)], ids=["even", "odd"])
def test_a_browser_plays_it_at_its_very_size(name, size, browser, address, tmp_path):
    pytest.importorskip("av", reason="videos for browsers need the extra `video`")
    source = video(tmp_path / "a.avi", size=size)
    config = PredictConfig(input=source, output=tmp_path / name, save=("mask",))
    assert label_video(config, open_video(config), Painted()) == tmp_path / name
    (tmp_path / "page.html").write_text("<!DOCTYPE html><body></body>")
    page = browser.new_page()
    page.goto(f"{address}/page.html")
    seen = page.evaluate(PLAY, name)
    page.close()
    assert seen["ready"] >= 2
    assert tuple(seen["size"]) == size
    assert seen["seconds"] == pytest.approx(7 / 12, abs=0.1)
    np.testing.assert_allclose(seen["colors"], Painted.colors, atol=8)
    frames, rate = played(tmp_path / name)
    assert (len(frames), frames[0].shape[:2], rate) == (7, size, 12)


def test_without_pyav_a_line_says_what_is_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    even, odd = video(tmp_path / "e.avi"), video(tmp_path / "o.avi", size=(49, 65))
    config = PredictConfig(input=even, output=tmp_path / "masks.mp4")
    label_video(config, open_video(config), Painted())
    said = capsys.readouterr()
    assert (said.out + said.err).count("pip install -e '.[video]'") == 1
    assert len(played(tmp_path / "masks.mp4")[0]) == 7
    config = PredictConfig(input=odd, output=tmp_path / "odd.mp4")
    with pytest.raises(tfseg.UserError, match=r"65x49 pixels need PyAV: .* output=masks\.avi$"):
        label_video(config, open_video(config), Painted())
    assert not (tmp_path / "odd.mp4").exists()
    config = PredictConfig(input=odd, output=tmp_path / "odd2.avi")
    label_video(config, open_video(config), Painted())
    assert played(tmp_path / "odd2.avi")[0][0].shape == (49, 65, 3)


def test_a_folder_gets_a_video_of_the_inputs_name(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = video(tmp_path / "street.avi")
    main(["predict", f"--run={run}", f"--input={source}", "--gpu=-1"])
    assert "wrote 7 frames to predictions/street.mp4" in capsys.readouterr().out
    assert len(played(tmp_path / "predictions" / "street.mp4")[0]) == 7
    inside = video(tmp_path / "predictions" / "other.mp4")
    argv = ("predict", f"--run={run}", f"--input={inside}", "--gpu=-1")
    assert "would overwrite its input" in refused(capsys, *argv)
