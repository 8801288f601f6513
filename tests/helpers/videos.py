"""Writes and reads small videos."""

import cv2
import numpy as np

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}


def video(path, frames=7, size=(48, 64)):
    """Writes a yellow block that moves over blue."""
    code = cv2.VideoWriter_fourcc(*CODECS[path.suffix])
    api = cv2.CAP_OPENCV_MJPEG if path.suffix == ".avi" else cv2.CAP_FFMPEG
    writer = cv2.VideoWriter(str(path), api, code, 12, size[::-1])
    for i in range(frames):
        frame = np.full((*size, 3), (120, 40, 0), np.uint8)
        frame[12:30, 4 * i : 4 * i + 20] = (0, 200, 255)
        writer.write(frame)
    writer.release()
    return path


def played(path):
    """(RGB frames, frames per second) of a video."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        known, pixels = capture.read()
        if not known:
            return frames, capture.get(cv2.CAP_PROP_FPS)
        frames.append(pixels[..., ::-1])
