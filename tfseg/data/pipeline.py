"""Splits of records to tf.data batches: images uint8 (B, H, W, 3), labels uint8 (B, H, W).

The position in the stream determines every frame: position -> epoch -> the epoch's permutation
-> index, and (seed, position) seeds its augmentation. There is no shuffle buffer, so a run that
continues at step s sees the same frames as without the interruption.
"""

import math
import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseg.data.augment import training_frame
from tfseg.data.cache import cached_frames
from tfseg.data.mixing import mixed
from tfseg.data.order import frame_order, rare_order
from tfseg.labels import VOID
from tfseg.records.example import decode
from tfseg.records.histogram import label_counts
from tfseg.records.raw_pixels import RawPixels


class Part(NamedTuple):
    """One process's equal share of every batch, of `count` processes, in `devices` pieces."""

    number: int = 0
    count: int = 1
    devices: int = 1


WHOLE = Part()


def training_batches(
    split,
    *,
    batch_size,
    crop_size,
    scale=(1.0, 1.0),
    augment=(),
    seed=0,
    start_step=0,
    sampling="uniform",
    mix="none",
    cache="none",
    cache_dir=None,
    workers=None,
    part=WHOLE,
):
    """Endless batches of augmented frames in random order, from step `start_step` on.

    Args:
        crop_size: (height, width) of the batches, pixels.
        scale, augment: see `tfseg.data.augment.training_frame`; the defaults change nothing.
        seed: random seed of the order and the augmentation, 0 or more.
        sampling: "uniform" shows every frame once per epoch; "rare" draws frames and crops with
            rare classes more often, see `rare_order`.
        mix: "none", or a name of `tfseg.data.mixing.MIXES`.
        cache: "none" decodes every time; "memory" and "disk" keep decoded frames, see `cache.py`.
        cache_dir: folder for the decoded frames of cache="disk".
        workers: threads that read, decode and augment frames; by default one per core.
        part: the `Part` of every batch to return. Only its frames are read; `mix` needs all
            frames of the batch.
    """
    workers = workers or os.cpu_count()
    own, piece = batch_size // part.count, batch_size // part.count // part.devices
    # What is read: this part's share of every batch, in pieces of `size` frames, or whole batches.
    first, share, size = part.number * own, own, piece
    if mix != "none":
        first, share, size = 0, batch_size, batch_size
    draw = _draws(split, sampling, seed)
    frames = _arrays(split, workers, cache, cache_dir)

    def place(number):
        return number // share * batch_size + first + number % share

    def change(image, label, position):
        rng = np.random.default_rng((seed, 1, position))
        return training_frame(image, label, rng, crop_size, scale, augment, draw(position)[1])

    def load(position):
        pair = _read(split, lambda position: draw(position)[0], position)
        return _shaped(*_numpy(change, *pair, position), crop_size)

    def frame(number):
        position = place(number)
        return change(*frames[draw(position)[0]], position)

    if frames is None:
        positions = tf.data.Dataset.counter(start_step * share).map(place)
        dataset = _parallel(positions, load, workers).batch(size, drop_remainder=True)
    else:
        dataset = _filled(frame, size, start_step * share, crop_size, workers)
    if mix != "none":
        dataset = _mixed(dataset, mix, seed, start_step, workers)
        if part.count > 1:
            here = slice(part.number * own, (part.number + 1) * own)
            dataset = dataset.map(lambda images, labels: (images[here], labels[here]))
            dataset = dataset.rebatch(piece)
    return dataset.prefetch(2)


def _filled(frame, size, start, crop_size, workers):
    """Batches of `size` frames, `frame(start)` and so on; one call into Python fills a batch."""

    def fill(number):
        images = np.empty((size, *crop_size, 3), np.uint8)
        labels = np.empty((size, *crop_size), np.uint8)
        for place in range(size):
            images[place], labels[place] = frame(number * size + place)
        return images, labels

    def load(number):
        images, labels = _numpy(fill, number)
        shape = (size, *crop_size)
        return tf.ensure_shape(images, (*shape, 3)), tf.ensure_shape(labels, shape)

    return _parallel(tf.data.Dataset.counter(start // size), load, workers)


def _mixed(dataset, mix, seed, start_step, workers):
    """Batches of mixed frames; (seed, step) seeds the mixing."""
    images, labels = dataset.element_spec

    def change(images, labels, step):
        return mixed(images, labels, mix, np.random.default_rng((seed, 4, step)))

    def load(step, batch):
        pair = _numpy(change, *batch, step)
        return tf.ensure_shape(pair[0], images.shape), tf.ensure_shape(pair[1], labels.shape)

    steps = tf.data.Dataset.counter(start_step)
    return _parallel(tf.data.Dataset.zip(steps, dataset), load, workers)


def _draws(split, sampling, seed):
    """A function from position to (index, class that the crop must show or None)."""
    if sampling == "rare":
        classes = len(split.info.classes)
        return rare_order(np.array([counts[:classes] for counts in label_counts(split)]), seed)
    index = frame_order(split.parts, seed)
    return lambda position: (index(position), None)


def evaluation_batches(
    split, *, batch_size, cache="none", cache_dir=None, workers=None, part=WHOLE
):
    """Batches of the split's unchanged frames in order; the last batch may be smaller.

    If frames have several sizes, batches have one frame, so that no metric depends on padding.
    Every `Part` has the same number of full batches, filled up with the first frame, its label
    void.
    """
    workers = workers or os.cpu_count()
    size, frames_here = _common_size(split), len(split)
    frames = _arrays(split, workers, cache, cache_dir)
    pieces = part.count * part.devices
    piece = max(1, batch_size // pieces) if size else 1
    places = np.arange(frames_here)
    if part.count > 1:
        steps = math.ceil(frames_here / (piece * pieces))
        places = np.arange(steps * piece * pieces).reshape(steps, part.count, -1)
        places = places[:, part.number].ravel()

    def load(place):
        index = tf.where(place < frames_here, place, 0)
        pair = _read(split, int, index) if frames is None else _numpy(frames.__getitem__, index)
        image, label = _shaped(*pair, size)
        return image, tf.where(place < frames_here, label, VOID) if part.count > 1 else label

    dataset = _parallel(tf.data.Dataset.from_tensor_slices(places), load, workers)
    return dataset.batch(piece).prefetch(2)


def _arrays(split, workers, cache, cache_dir):
    """The split's frames as a sequence of (image, label) arrays; None if they must be decoded."""
    frames = cached_frames(_decoded(split, workers), split, cache, cache_dir)
    return RawPixels(split) if frames is None and split.info.encoding == "raw" else frames


def _decoded(split, workers):
    """The split's decoded frames in order, one by one."""
    size = _common_size(split)

    def load(index):
        return _shaped(*_read(split, int, index), size)

    return _parallel(tf.data.Dataset.range(len(split)), load, workers)


def _read(split, index, position):
    """Tensors (image, label) of example `index(position)`; `position` is an int64 tensor."""

    def read(position):
        return split.read(index(position))

    serialized = tf.numpy_function(read, [position], tf.string)
    return decode(tf.ensure_shape(serialized, ()), split.info.encoding)


def _numpy(function, *tensors):
    return tf.numpy_function(function, tensors, (tf.uint8, tf.uint8))


def _shaped(image, label, size):
    """Sets the shapes that TensorFlow cannot infer through NumPy; `size` is None if it varies."""
    height, width = size or (None, None)
    return tf.ensure_shape(image, (height, width, 3)), tf.ensure_shape(label, (height, width))


def _common_size(split):
    return split.sizes[0] if len(split.sizes) == 1 else None


def _parallel(dataset, function, workers):
    """Maps `function` over the elements in `workers` threads, in order."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    dataset = dataset.map(function, num_parallel_calls=workers, deterministic=True)
    return dataset.with_options(options)
