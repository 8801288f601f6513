"""The TensorBoard events of a run."""

import sys
import time

import keras
import numpy as np
import tensorflow as tf

from tfseg.atomic import full_disk
from tfseg.visualize import confusion_picture, triptych

_FAILED = (OSError, tf.errors.OpError)


class TensorBoard(keras.callbacks.Callback):
    """Scalars of train and val, the confusion matrix, and pictures of a few validation frames.

    Stands before `KeepBest` in the list, so that pictures show the weights that were validated.
    Where events cannot be written, because the disk is full, training goes on without them.
    """

    def __init__(self, folder, network, metric, decision, labels, frames, batch_size, config_text):
        super().__init__()
        self.folder, self.network, self.metric = folder, network, metric
        self.decision, self.labels, self.frames = decision, labels, frames
        self.batch_size = batch_size
        self.steps, self.writers = 0, {}
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for split in ("train", "val"):
                self.writers[split] = tf.summary.create_file_writer(str(folder / split))
            with self.writers["train"].as_default(step=0):
                tf.summary.text("config", f"```\n{config_text}\n```")
        except _FAILED as error:
            self._give_up(error)

    def _give_up(self, error):
        reason = full_disk(error) or str(error).splitlines()[0]
        print(
            f"\nwarning: cannot write to --logdir={self.folder}: {reason}; training goes on "
            f"without TensorBoard",
            file=sys.stderr,
        )
        self.writers = {}

    def on_train_begin(self, logs=None):
        network = self.network
        self.label = tf.function(lambda images: self.decision.mask(network(images, training=False)))

    def on_epoch_begin(self, epoch, logs=None):
        self.steps, self.started = 0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_test_begin(self, logs=None):  # the metric still holds the epoch's training pixels
        self.figures = {}
        if self.steps:
            seconds = time.perf_counter() - self.started
            self.images_per_second = self.steps * self.batch_size / seconds
            self.figures["train"] = self.metric.scores()

    def on_test_end(self, logs=None):
        self.matrix, self.figures["val"] = self.metric.matrix(), self.metric.scores()
        self.pictures = {
            name: triptych(
                image,
                label,
                np.asarray(self.label(image[None]))[0],
                self.labels.classes,
                self.labels.colors,
                name,
            )
            for name, image, label in self.frames
        }

    def on_epoch_end(self, epoch, logs=None):
        if not self.writers:
            return
        try:
            if "train" in self.figures:  # not where a run was stopped before this validation
                self._write_train(epoch + 1, logs["loss"])
            self._write_val(epoch + 1, logs["val_loss"])
            for writer in self.writers.values():
                writer.flush()
        except _FAILED as error:
            self._give_up(error)

    def _write_train(self, epoch, loss):
        with self.writers["train"].as_default(step=epoch):
            self._scalars(loss, self.figures["train"])
            tf.summary.scalar("learning_rate", float(self.model.optimizer.learning_rate))
            tf.summary.scalar("images_per_second", self.images_per_second)

    def _write_val(self, epoch, loss):
        with self.writers["val"].as_default(step=epoch):
            self._scalars(loss, self.figures["val"])
            for name, picture in self.pictures.items():
                tf.summary.image(f"frames/{name}", picture[None])
            if self.matrix is not None:
                matrix = confusion_picture(self.matrix, self.labels.classes)
                tf.summary.image("confusion_matrix", matrix[None])

    def _scalars(self, loss, figures):
        tf.summary.scalar("loss", loss)
        for name in ("miou", "pixel_accuracy", "class_accuracy", "fw_iou"):
            tf.summary.scalar(name, figures[name])
        for name, iou in zip(self.labels.classes, figures["iou"], strict=True):
            tf.summary.scalar(f"iou/{name}", iou)
