"""The callback that sends a run's figures and images to its trackers after every epoch."""

import time

import keras
import numpy as np
import tensorflow as tf

from tfseg.decision import Decision
from tfseg.labels import label_sets, labels_of
from tfseg.training.sizes import step_frames
from tfseg.training.watching import warn
from tfseg.visualize import confusion_picture, triptych

FIGURES = ("miou", "pixel_accuracy", "class_accuracy", "fw_iou")


class Tracking(keras.callbacks.Callback):
    """Logs scalars of train and val, the confusion matrix, and images of a few validation frames.

    It comes before `KeepBest` in the list, so that images show the weights that were validated.
    If a tracker fails, training continues without it.

    Args:
        trackers: a list of `Tracker`.
        network: the model without its optimizer.
        metric: the confusion matrix that training and validation fill.
        decision: how logits become a mask.
        frames: (id, image, label) of the frames to show.
    """

    def __init__(self, trackers, network, metric, decision, labels, frames, batch_size):
        super().__init__()
        self.trackers, self.network, self.metric = list(trackers), network, metric
        self.decision, self.labels, self.frames = decision, labels, frames
        self.batch_size, self.steps = batch_size, 0

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
        self.images = {f"frames/{name}": self._sheet(name, *one) for name, *one in self.frames}

    def _sheet(self, name, image, label):
        mask = np.asarray(self.label(image[None]))[0]
        return triptych(image, label, mask, self.labels.classes, self.labels.colors, name)

    def on_epoch_end(self, epoch, logs=None):
        scalars = {"val": self._scalars("val", logs["val_loss"])}
        if "train" in self.figures:  # absent if the run stopped before this validation
            scalars["train"] = self._scalars("train", logs["loss"]) | {
                "learning_rate": float(self.model.optimizer.learning_rate),
                "images_per_second": self.images_per_second,
            }
        images = dict(self.images)
        if self.matrix is not None:
            images["confusion_matrix"] = confusion_picture(self.matrix, self.labels.classes)
        for tracker in tuple(self.trackers):
            try:
                tracker.write(epoch + 1, scalars, images)
            except Exception as error:  # a full disk, a server that is gone
                warn(tracker.title, tracker.where, error)
                self.trackers.remove(tracker)

    def _scalars(self, split, loss):
        found = self.figures[split]
        by_class = zip(self.labels.classes, found["iou"], strict=True)
        return (
            {"loss": float(loss)}
            | {name: float(found[name]) for name in FIGURES}
            | {f"iou/{name}": float(iou) for name, iou in by_class}
        )


def tracking_of(config, records, trackers, network, metric):
    """Builds the `Tracking` of a run."""
    labels, frames = labels_of(records.info, config.task), records.splits["val"]
    shown = _shown_frames(frames, config.pictures)
    if config.task == "multilabel":
        sets = label_sets(labels_of(records.info))
        shown = [(name, image, sets.masks(label)) for name, image, label in shown]
    decision = Decision(config.task)
    return Tracking(trackers, network, metric, decision, labels, shown, step_frames(config))


def _shown_frames(split, count):
    """`count` frames spread evenly over the split, as (id, image, label)."""
    count = min(count, len(split))
    indices = [i * len(split) // count for i in range(count)]
    return [(split.about(i)[0], *split.frame(i)) for i in indices]
