"""Videos and cameras, frame by frame: the same moving picture with its masks laid over it."""

import os
from contextlib import contextmanager

import cv2
from tqdm import tqdm

from tfseg import atomic
from tfseg.errors import UserError
from tfseg.visualize import colorize, overlay

# What is read and written, and the codec that every OpenCV has for it.
VIDEOS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
CAMERA_RATE = 25.0  # frames a second, of cameras that do not say


def open_video(config, camera=False):
    """OpenCV's capture of the video or camera that a `PredictConfig` names.

    Raises `UserError` for one that cannot be read, and for answers that cannot be written.
    """
    if set(config.save) not in ({"mask", "overlay"}, {"overlay"}, {"mask"}):
        raise UserError(f"--save={','.join(config.save)}: of a video, mask or overlay")
    output = config.output
    if output.suffix.lower() not in VIDEOS:
        raise UserError(f"--output={output}: wanted a file for the video, as masks.mp4")
    if output.resolve() == config.input.resolve():
        raise UserError(f"--output={output} would overwrite its input; choose another")
    with _quiet():
        capture = cv2.VideoCapture(int(str(config.input)) if camera else str(config.input))
    if not capture.isOpened():
        kind = "camera" if camera else "video"
        state = "" if camera or config.input.exists() else ": there is no such file"
        raise UserError(f"--input={config.input} is no {kind} that can be read{state}")
    return capture


def label_video(config, capture, segmenter, camera=False):
    """Writes a video with overlays, or masks in class colours, of what `open_video` gave.

    A camera is read until Ctrl-C. The file is there once it is whole; a video that was stopped
    leaves none.
    """
    output = config.output
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
    print(f"wrote {frames} frames to {output}")


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
                shown = overlay(image, mask, segmenter.colors) if over else None
                shown = colorize(mask, segmenter.colors) if shown is None else shown
                if writer is None:
                    writer = _writer(path, rate, mask.shape[:2])
                writer.write(shown[..., ::-1])
                count += 1
                bar.update()
    except KeyboardInterrupt:
        if not camera:
            raise
    finally:
        if writer is not None:
            writer.release()
    return count


def _writer(path, rate, shape):
    code = cv2.VideoWriter_fourcc(*VIDEOS[path.suffix.lower()])
    writer = cv2.VideoWriter(str(path), code, rate, shape[::-1])
    if not writer.isOpened():
        raise UserError(f"{path.suffix} videos cannot be written here; try --output=masks.avi")
    return writer
