"""Videos and cameras, frame by frame: the same video with its masks laid over it."""

import importlib.util
import os
from contextlib import contextmanager
from pathlib import Path

import cv2
from tqdm import tqdm

from tfseg import atomic
from tfseg.addresses import spelled
from tfseg.errors import UserError, install_hint
from tfseg.prediction.encoding import CONTAINERS, OpenCVWriter, PyAVWriter
from tfseg.visualize import colorize, overlay

VIDEOS = CONTAINERS.keys()
CAMERA_RATE = 25.0  # frames a second, of cameras that do not say


def video_output(config, camera=False):
    """The file that `predict` writes of a video: `--output`, or in that folder one of its name.

    Raises `UserError` for an output that is no video, and for one that is the input.
    """
    output = config.output
    if output.is_dir() or not output.suffix:
        output /= f"camera-{config.input}.mp4" if camera else f"{config.input.stem}.mp4"
    if output.suffix.lower() not in VIDEOS or output.is_dir():
        raise UserError(
            f"--output={output}: wanted a folder, or a file for the video, as masks.mp4"
        )
    if output.resolve() == config.input.resolve():
        raise UserError(f"--output={output} would overwrite its input; choose another")
    return output


def open_video(config, camera=False):
    """OpenCV's capture of the video or camera that a `PredictConfig` names.

    Raises `UserError` for one that cannot be read, and for answers that cannot be written.
    """
    if set(config.save) not in ({"mask", "overlay"}, {"overlay"}, {"mask"}):
        raise UserError(f"--save={','.join(config.save)}: of a video, mask or overlay")
    video_output(config, camera)
    with _quiet():
        capture = cv2.VideoCapture(int(str(config.input)) if camera else str(config.input))
    if not capture.isOpened():
        kind = "camera" if camera else "video"
        state = "" if camera or config.input.exists() else ": there is no such file"
        raise UserError(f"--input={config.input} is no {kind} that can be read{state}")
    return capture


def label_video(config, capture, segmenter, camera=False) -> Path:
    """Writes a video with overlays, or masks in class colours, of what `open_video` gave.

    A camera is read until Ctrl-C. The file is there once it is whole; a video that was stopped
    leaves none. Returns its path.
    """
    output = video_output(config, camera)
    total = 0 if camera else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    try:
        with atomic.file(output) as partial:
            frames = _write(capture, partial, segmenter, "overlay" in config.save, camera, total)
            if not frames:
                raise UserError(f"--input={config.input} has no frame that can be read")
    finally:
        capture.release()
    if frames < total:
        print(f"note: {config.input} should have {total} frames; it ends, or is damaged, before")
    print(spelled(f"wrote {frames} frames to {output}"))
    return output


@contextmanager
def _quiet():
    """Keeps to itself what OpenCV and FFmpeg say of files and cameras: errors here say it."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    kept = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(kept)


def _write(capture, path, segmenter, over, camera, total):
    """Labels frames until there are no more; returns how many there were."""
    rate = capture.get(cv2.CAP_PROP_FPS) or CAMERA_RATE
    writer, count = None, 0
    try:
        with tqdm(total=total or None, desc="predicting", unit="frame") as bar:
            while True:
                known, pixels = capture.read()
                if not known:
                    break
                image = pixels[..., ::-1]
                mask = segmenter.predict(image)
                colors = segmenter.colors
                shown = overlay(image, mask, colors) if over else colorize(mask, colors)
                if writer is None:
                    writer = _writer(path, rate, mask.shape[:2])
                writer.write(shown)
                count += 1
                bar.update()
    except KeyboardInterrupt:
        if not camera:
            raise
    finally:
        if writer is not None:
            writer.close()
    return count


def _writer(path, rate, shape):
    """PyAV's, whose videos browsers play; OpenCV's where PyAV is not installed, and for AVI."""
    if path.suffix.lower() == ".avi":
        return OpenCVWriter(path, rate, shape)
    if importlib.util.find_spec("av") is None:
        tqdm.write(
            "note: OpenCV writes this video as MPEG-4 part 2, which browsers do not play; "
            f"for H.264: {install_hint('video')}"
        )
        return OpenCVWriter(path, rate, shape)
    return PyAVWriter(path, rate, shape)
