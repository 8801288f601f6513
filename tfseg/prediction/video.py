"""Predicts videos and cameras frame by frame; writes a video with overlaid masks."""

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
CAMERA_RATE = 25.0  # frames per second, if a camera does not report it


def video_output(config, camera=False):
    """The output file for a video: `--output`, or a file with the video's name in that folder.

    Raises `UserError` if the output is not a video file, or is the input.
    """
    output = config.output
    if output.is_dir() or not output.suffix:
        output /= f"camera-{config.input}.mp4" if camera else f"{config.input.stem}.mp4"
    if output.suffix.lower() not in VIDEOS or output.is_dir():
        raise UserError(
            f"--output={output}: wanted a folder, or a file for the video, e.g. masks.mp4"
        )
    if output.resolve() == config.input.resolve():
        raise UserError(f"--output={output} would overwrite its input; choose another")
    return output


def open_video(config, camera=False):
    """OpenCV's capture of the video or camera of a `PredictConfig`.

    Raises `UserError` if it cannot be read, or the outputs cannot be written.
    """
    if set(config.save) not in ({"mask", "overlay"}, {"overlay"}, {"mask"}):
        raise UserError(f"--save={','.join(config.save)}: for a video, give mask or overlay")
    video_output(config, camera)
    with _quiet():
        capture = cv2.VideoCapture(int(str(config.input)) if camera else str(config.input))
    if not capture.isOpened():
        kind = "camera" if camera else "video"
        state = "" if camera or config.input.exists() else ": there is no such file"
        raise UserError(f"--input={config.input} is not a readable {kind}{state}")
    return capture


def label_video(config, capture, segmenter, camera=False) -> Path:
    """Writes a video of overlays, or of masks in class colours, from the capture of `open_video`.

    A camera is read until Ctrl-C. The file appears once it is complete; stopping a video leaves
    none. Returns its path.
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
        print(f"note: {config.input} should have {total} frames; it ends early or is damaged")
    print(spelled(f"wrote {frames} frames to {output}"))
    return output


@contextmanager
def _quiet():
    """Silences OpenCV's and FFmpeg's own messages; the errors here replace them."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    kept = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(kept)


def _write(capture, path, segmenter, over, camera, total):
    """Predicts and writes all frames; returns their number."""
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
    """PyAV's writer, whose videos browsers play; OpenCV's for AVI, or if PyAV is missing."""
    if path.suffix.lower() == ".avi":
        return OpenCVWriter(path, rate, shape)
    if importlib.util.find_spec("av") is None:
        tqdm.write(
            "note: OpenCV writes this video as MPEG-4 part 2, which browsers do not play; "
            f"for H.264: {install_hint('video')}"
        )
        return OpenCVWriter(path, rate, shape)
    return PyAVWriter(path, rate, shape)
