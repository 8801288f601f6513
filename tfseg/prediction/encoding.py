"""Writes video files: H.264 or VP9 with PyAV, which browsers play; AVI and fallbacks with OpenCV.

A writer takes RGB frames uint8 (H, W, 3) of one size, and the video has exactly that size.
"""

from fractions import Fraction

import cv2
import numpy as np

from tfseg.errors import UserError, install_hint

# Extension -> PyAV's container and OpenCV's codec. .m4v and .mov files are MP4, because their own
# containers do not support VP9.
CONTAINERS = {
    ".mp4": ("mp4", "mp4v"),
    ".m4v": ("mp4", "mp4v"),
    ".mov": ("mp4", "mp4v"),
    ".mkv": ("matroska", "mp4v"),
    ".webm": ("webm", "VP80"),
    ".avi": (None, "MJPG"),
}
QUALITY = {  # constant quality, faster than any network
    "libx264": {"crf": "20", "preset": "veryfast"},
    "libvpx-vp9": {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "8"},
}
BT601, LIMITED = 6, 1  # FFmpeg's numbers: SMPTE 170M, and levels of 16 to 235


class PyAVWriter:
    """Writes H.264; VP9 in WebM and for odd sizes, which H.264 in 4:2:0 does not support."""

    def __init__(self, path, rate, shape):
        import av

        container, _ = CONTAINERS[path.suffix.lower()]
        even = shape[0] % 2 == 0 and shape[1] % 2 == 0
        codec = "libx264" if even and container != "webm" else "libvpx-vp9"
        # The index goes first, so that browsers play the video while loading it.
        options = {"movflags": "+faststart"} if container == "mp4" else {}
        self._file = av.open(str(path), "w", format=container, options=options)
        self._stream = stream = self._file.add_stream(codec, Fraction(rate).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = *shape, "yuv420p"
        stream.options = QUALITY[codec]
        # Without these tags, players guess the YUV conversion from the size.
        stream.codec_context.colorspace, stream.codec_context.color_range = BT601, LIMITED
        self._frame = av.VideoFrame.from_ndarray

    def write(self, pixels):
        frame = self._frame(np.ascontiguousarray(pixels), format="rgb24")
        self._file.mux(self._stream.encode(frame))

    def close(self):
        self._file.mux(self._stream.encode(None))
        self._file.close()


class OpenCVWriter:
    """Writes Motion JPEG in AVI, MPEG-4 part 2 or VP8 in other files.

    Raises `UserError` if OpenCV lacks the codec, and for odd sizes except in AVI: OpenCV would
    drop a row or a column.
    """

    def __init__(self, path, rate, shape):
        suffix = path.suffix.lower()
        own, code = suffix == ".avi", cv2.VideoWriter_fourcc(*CONTAINERS[suffix][1])
        if not own and (shape[0] % 2 or shape[1] % 2):
            raise UserError(
                f"{suffix} videos of {shape[1]}x{shape[0]} pixels need PyAV: "
                f"{install_hint('video')}, or give --output=masks.avi"
            )
        api = cv2.CAP_OPENCV_MJPEG if own else cv2.CAP_FFMPEG
        self._writer = cv2.VideoWriter(str(path), api, code, rate, shape[::-1])
        if not self._writer.isOpened():
            raise UserError(f"{suffix} videos cannot be written here; try --output=masks.avi")

    def write(self, pixels):
        self._writer.write(np.ascontiguousarray(pixels[..., ::-1]))

    def close(self):
        self._writer.release()
