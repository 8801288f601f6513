"""Frames to calibrate the ranges of an int8 export."""

from collections import Counter

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.records.reader import open_input, open_records

COUNT = 64  # evenly spaced in the training split


def calibration_frames(config, settings):
    """A list of frames uint8 (N, H, W, 3) of records, in the `ExportConfig`'s size and batch.

    Without a size, all are resized to the size of most frames: NNCF averages over frames of one
    size. The records are `config.input`, or those of the run (`settings`). Raises `UserError` if
    there are none.
    """
    if config.input:
        records = open_records(config.input, config.dataset, pixel_range=config.pixel_range)
    elif isinstance(settings, TrainConfig):
        records = open_input(settings)
    else:
        raise UserError("--precision=int8 is calibrated with frames; give --input=RECORDS")
    split = records.splits.get("train") or next(iter(records.splits.values()))
    count = min(COUNT, len(split))
    frames = []
    for i in tqdm(range(count), "reading frames", unit="frame", leave=False):
        image, _ = split.frame(i * len(split) // count)
        frames.append(_resized(image, config.size) if config.size else image)
    return [np.repeat(image[None], config.batch or 1, axis=0) for image in of_one_size(frames)]


def of_one_size(images: list[np.ndarray]) -> list[np.ndarray]:
    """Images (H, W, 3), those of other sizes resized to the size of most; a line says it."""
    sizes = Counter(image.shape[:2] for image in images)
    if len(sizes) < 2:
        return images
    size, _ = sizes.most_common(1)[0]
    print(f"frames of {len(sizes)} sizes: calibrated at {size[0]}x{size[1]}, the size of most")
    return [image if image.shape[:2] == size else _resized(image, size) for image in images]


def _resized(image, size):
    return tf.cast(tf.round(tf.image.resize(image, size)), tf.uint8).numpy()
