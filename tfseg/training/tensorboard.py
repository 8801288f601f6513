"""Writes TensorBoard events of a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseg.training.watching import Images, Scalars, warn


class TensorBoardTracker:
    """Writes events to two folders, `train` and `val`, so that TensorBoard overlays their curves.

    If writing fails, for example because the disk is full, training continues without them.
    """

    title = "TensorBoard"

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        folder = Path(config["logdir"] or folder / "tensorboard")
        folder.mkdir(parents=True, exist_ok=True)
        self.where, self._writers = f"--logdir={folder}", {}
        try:
            for split in ("train", "val"):
                self._writers[split] = tf.summary.create_file_writer(str(folder / split))
            with self._writers["train"].as_default(step=0):
                text = json.dumps(config, indent=2, default=str)
                tf.summary.text("config", f"```\n{text}\n```")
        except (OSError, tf.errors.OpError) as error:
            warn(self.title, self.where, error)
            self._writers = {}

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        for split, writer in self._writers.items():
            with writer.as_default(step=epoch):
                for name, value in scalars.get(split, {}).items():
                    tf.summary.scalar(name, value)
                for name, pixels in images.items() if split == "val" else ():
                    tf.summary.image(name, np.asarray(pixels)[None])
            writer.flush()

    def finish(self, files: list[Path], status: str) -> None:
        for writer in self._writers.values():
            writer.close()
