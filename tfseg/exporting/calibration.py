"""Frames to calibrate the ranges of an int8 export."""

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.records.reader import open_input, open_records

COUNT = 64  # evenly spaced in the training split


def calibration_frames(config, settings):
    """A list of frames uint8 (N, H, W, 3) of records, in the `ExportConfig`'s size and batch.

    The records are `config.input`, or those of the run (`settings`). Raises `UserError` if there
    are none.
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
        if config.size:
            image = tf.cast(tf.round(tf.image.resize(image, config.size)), tf.uint8).numpy()
        frames.append(np.repeat(image[None], config.batch or 1, axis=0))
    return frames
