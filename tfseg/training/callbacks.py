"""What happens between the steps of a run: interrupts, NaN, the best checkpoint, TensorBoard."""

import math
import signal
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfseg.errors import UserError
from tfseg.metrics import class_indices, scores
from tfseg.visualize import confusion_picture, triptych


def steps_done(model):
    """Steps of the optimizer so far; `int` alone does not take a variable that GPUs mirror."""
    return int(ops.convert_to_numpy(model.optimizer.iterations))


class Interrupted(Exception):  # noqa: N818 - no error: someone asked
    """Raised between two steps after Ctrl-C or SIGTERM, when weights and step count agree."""


class StopBetweenSteps(keras.callbacks.Callback):
    """Turns the first Ctrl-C or SIGTERM into `Interrupted` after the step at hand."""

    def __init__(self):
        super().__init__()
        self.asked = False

    def __enter__(self):
        self.previous = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("\nstopping after this step; once more stops at once", file=sys.stderr)

    def on_train_batch_end(self, batch, logs=None):
        # After an epoch's last step its validation comes first, or it would never come.
        if self.asked and batch + 1 < self.params["steps"]:
            raise Interrupted

    def on_epoch_end(self, epoch, logs=None):
        if self.asked:
            raise Interrupted


class StopOnNaN(keras.callbacks.Callback):
    """Ends a run whose loss is no number any more, before a checkpoint is written over."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs)

    def on_test_end(self, logs=None):  # an epoch's last update shows only in its validation
        self._check(logs)

    def _check(self, logs):
        if math.isfinite(float(logs["loss"])):
            return
        last = self.run.last()
        kept = f"the last good checkpoint is {last['weights']}" if last else "no checkpoint yet"
        raise UserError(
            f"the loss became {float(logs['loss'])} at step {steps_done(self.model)} "
            f"of {self.run.path} ({kept}); lower --learning_rate_init or set --clip_norm=1"
        )


class KeepBest(keras.callbacks.Callback):
    """Saves every epoch's state, and the weights with the best validation mIoU on their own.

    With averaging (`--ema`) the averages stand in for the weights while the network is validated,
    and are what is kept as the best.
    """

    def __init__(self, run, network, keep, state):
        super().__init__()
        self.run, self.network, self.keep = run, network, keep
        self.step, self.best_miou, self.saved = state["step"], state["best_miou"], None

    def on_train_batch_end(self, batch, logs=None):
        # Counted here: under mixed_float16 the optimizer leaves out steps that overflow.
        self.step += 1

    def on_test_begin(self, logs=None):
        # Under mixed_float16 the optimizer is wrapped by one that scales the loss.
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        self.kept = None
        if optimizer.use_ema:
            weights = self.model.trainable_variables
            averages = optimizer._model_variables_moving_average
            self.kept = [ops.convert_to_numpy(weight) for weight in weights]
            for weight, average in zip(weights, averages, strict=True):
                weight.assign(average)

    def on_test_end(self, logs=None):
        miou = float(logs["miou"])
        # The first epoch is kept whatever it reached, so that a best one is always there.
        if miou > self.best_miou or not self.run.best.exists():
            self.best_miou = miou
            self.run.save_best(self.network)
        if self.kept:
            for weight, kept in zip(self.model.trainable_variables, self.kept, strict=True):
                weight.assign(kept)

    def on_epoch_end(self, epoch, logs=None):
        """Saves where the run stands, at most every 20 s: epochs of a second have better to do."""
        if self.keep != 1 or self.saved is None or time.monotonic() - self.saved > 20:
            self.save()

    def on_train_end(self, logs=None):
        self.save()

    def save(self):
        state = {"step": self.step, "best_miou": self.best_miou}
        self.run.save_last(self.model, state, self.keep)
        self.saved = time.monotonic()


class TensorBoard(keras.callbacks.Callback):
    """Scalars of train and val, the confusion matrix, and pictures of a few validation frames.

    Stands before `KeepBest` in the list, so that pictures show the weights that were validated.
    """

    def __init__(self, folder, network, metric, records, frames, batch_size, config_text):
        super().__init__()
        self.network, self.metric = network, metric
        self.records, self.frames = records, frames
        self.batch_size = batch_size
        folder.mkdir(parents=True, exist_ok=True)
        self.writers = {
            split: tf.summary.create_file_writer(str(folder / split)) for split in ("train", "val")
        }
        with self.writers["train"].as_default(step=0):
            tf.summary.text("config", f"```\n{config_text}\n```")

    def on_train_begin(self, logs=None):
        network = self.network
        self.label = tf.function(lambda images: class_indices(network(images, training=False)))

    def on_epoch_begin(self, epoch, logs=None):
        self.steps, self.started = 0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_test_begin(self, logs=None):  # the metric still holds the epoch's training pixels
        seconds = time.perf_counter() - self.started
        self.images_per_second = self.steps * self.batch_size / seconds
        self.figures = {"train": scores(self.metric.matrix())}

    def on_test_end(self, logs=None):
        self.matrix = self.metric.matrix()
        self.figures["val"] = scores(self.matrix)
        self.pictures = [
            triptych(
                image,
                label,
                np.asarray(self.label(image[None]))[0].astype(np.uint8),
                self.records.info.classes,
                self.records.info.colors,
            )
            for image, label in self.frames
        ]

    def on_epoch_end(self, epoch, logs=None):
        with self.writers["train"].as_default(step=epoch + 1):
            self._scalars(logs["loss"], self.figures["train"])
            tf.summary.scalar("learning_rate", float(self.model.optimizer.learning_rate))
            tf.summary.scalar("images_per_second", self.images_per_second)
        with self.writers["val"].as_default(step=epoch + 1):
            self._scalars(logs["val_loss"], self.figures["val"])
            for number, picture in enumerate(self.pictures):
                tf.summary.image(f"frames/{number}", picture[None])
            matrix = confusion_picture(self.matrix, self.records.info.classes)
            tf.summary.image("confusion_matrix", matrix[None])
        for writer in self.writers.values():
            writer.flush()

    def _scalars(self, loss, figures):
        tf.summary.scalar("loss", loss)
        for name in ("miou", "pixel_accuracy", "class_accuracy", "fw_iou"):
            tf.summary.scalar(name, figures[name])
        for name, iou in zip(self.records.info.classes, figures["iou"], strict=True):
            tf.summary.scalar(f"iou/{name}", iou)
