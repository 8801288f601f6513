"""TensorBoard events of a run."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg.training.trackers import Images, Scalars, Tracker, warn


class TensorBoardTracker:
    """Events in two folders, `train` and `val`, so that TensorBoard lays their curves together."""

    title = "TensorBoard"

    def __init__(self, folder: Path, config_text: str) -> None:
        self.where = f"--logdir={folder}"
        self._writers = {
            split: tf.summary.create_file_writer(str(folder / split)) for split in ("train", "val")
        }
        with self._writers["train"].as_default(step=0):
            tf.summary.text("config", f"```\n{config_text}\n```")

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        for split, figures in scalars.items():
            with self._writers[split].as_default(step=epoch):
                for name, value in figures.items():
                    tf.summary.scalar(name, value)
        with self._writers["val"].as_default(step=epoch):
            for name, pixels in images.items():
                tf.summary.image(name, np.asarray(pixels)[None])
        for writer in self._writers.values():
            writer.flush()

    def finish(self, files: list[Path], status: str) -> None:
        for writer in self._writers.values():
            writer.close()


def open_tensorboard(folder: Path, config_text: str) -> list[Tracker]:
    """The tracker, or none where the disk is full: training goes on without it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return [TensorBoardTracker(folder, config_text)]
    except (OSError, tf.errors.OpError) as error:
        warn(TensorBoardTracker.title, f"--logdir={folder}", error)
        return []
