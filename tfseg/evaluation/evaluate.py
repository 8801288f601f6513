"""The figures of a network on a split: one confusion matrix, and all that follows from it."""

import csv
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from keras import ops
from tqdm import tqdm

from tfseg.data.pipeline import evaluation_batches
from tfseg.devices import select
from tfseg.errors import UserError
from tfseg.metrics import class_indices, confusion_matrix, scores
from tfseg.records.damage import naming_damage, without_damage
from tfseg.records.reader import open_records
from tfseg.runs import Labels, RunFolder, load_network, load_public_network, write_json
from tfseg.visualize import confusion_picture, triptych, write_picture


def labeller(network):
    """A compiled function: images (N, H, W, 3) -> class indices uint8 (N, H, W)."""

    @tf.function(reduce_retracing=True)
    def label(images):
        return ops.cast(class_indices(network(images, training=False)), "uint8")

    return label


def check_size(network, height, width, what):
    """Raises `UserError` where a picture is smaller than a network can take."""
    smallest = network.get_layer("size").smallest
    if min(height, width) < smallest:
        raise UserError(
            f"{what} has {height}x{width} pixels; {network.name} needs {smallest} a side"
        )


def score(network, split, batch_size=4, show=None):
    """The confusion matrix (K, K) int64 of a network on a split; rows truth, columns prediction.

    `show(index, image, label, prediction)` is called for every frame where given.
    """
    label, classes = labeller(network), network.output_shape[-1]
    for size in split.sizes:
        check_size(network, *size, f"a frame of {split.name}")
    matrix = np.zeros((classes, classes), np.int64)
    bar = tqdm(total=len(split), desc=f"scoring {split.name}", unit="frame")
    with bar, naming_damage(split):
        for images, truth in evaluation_batches(split, batch_size=batch_size):
            predictions = label(images)
            matrix += np.asarray(confusion_matrix(truth, predictions, classes))
            for offset in range(len(images)) if show else ():
                show(bar.n + offset, *(np.asarray(a[offset]) for a in (images, truth, predictions)))
            bar.update(len(images))
    return matrix


def figures(matrix, classes):
    """`scores` as JSON takes it: IoU by class name, None for a class that is nowhere."""
    plain = {name: _plain(value) for name, value in scores(matrix).items() if name != "iou"}
    iou = scores(matrix)["iou"]
    return {**plain, "iou": {name: _plain(v) for name, v in zip(classes, iou, strict=True)}}


def _plain(value):
    return None if math.isnan(value) else float(value)


def test(config):
    """Scores a run, or a public checkpoint (`TestConfig`): prints the table, writes the figures.

    `test-<split>.json` has them, a folder `test-<split>` the confusion matrix and pictures.
    """
    select(config.gpu, config.mem_frac)
    records, network, labels, output = _public(config) if config.model else _of_run(config)
    if config.split not in records.splits:
        raise UserError(
            f"--split={config.split} is not in {records.path}; it has {', '.join(records.splits)}"
        )
    split, output = records.splits[config.split], config.output or output
    if config.skip_damaged:
        split = without_damage(split)
    folder = output / f"test-{config.split}"
    folder.mkdir(parents=True, exist_ok=True)
    matrix = score(network, split, config.batch_size, _montages(folder, split, labels))
    results = figures(matrix, labels.classes)
    path = output / f"test-{config.split}.json"
    write_json(path, results)
    _write_matrix(folder, matrix, labels.classes)
    print(table(results))
    print(f"wrote {path} and pictures in {folder}")


def _of_run(config):
    """What `test` scores: records, network, labels, and where its figures go."""
    run = RunFolder(config.run)
    trained = run.config()
    if config.input:
        records = open_records(config.input, config.dataset)
    else:
        dataset = config.dataset or trained.dataset
        records = open_records(
            trained.input, dataset, trained.input_val, trained.val_fraction, trained.input_weights
        )
    check_labels(records, run)
    return records, load_network(run, config.checkpoint), run.labels(), run.path


def _public(config):
    """The same where `--model` and `--checkpoint` stand in for a run."""
    if config.input is None:
        raise UserError("--model needs --input=RECORDS to be tested on")
    records = open_records(config.input, config.dataset)
    labels = Labels(records.name, records.info.classes, records.info.colors)
    network = load_public_network(config, len(labels.classes))
    return records, network, labels, Path("runs") / f"{records.name}-{config.model}"


def check_labels(records, run):
    """Raises `UserError` where records and a `RunFolder` do not mean the same classes."""
    labels = run.labels()
    if tuple(records.info.classes) != labels.classes:
        raise UserError(
            f"{records.path} has {len(records.info.classes)} classes "
            f"({', '.join(records.info.classes[:3])}, ...), but {run.path} was trained on "
            f"{len(labels.classes)} ({', '.join(labels.classes[:3])}, ...); "
            f"give --input the records it was trained on"
        )


def _montages(folder, split, labels, count=8):
    """Writes original | truth | prediction of `count` frames spread over the split."""
    shown = {i * len(split) // count for i in range(count)}

    def show(index, image, truth, prediction):
        if index in shown:
            picture = triptych(image, truth, prediction, labels.classes, labels.colors)
            write_picture(folder / f"frame-{index:05d}.png", picture)

    return show


def _write_matrix(folder, matrix, classes):
    with open(folder / "confusion.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ prediction", *classes])
        writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    write_picture(folder / "confusion.png", confusion_picture(matrix, classes))


def table(results):
    """The figures as lines for a terminal."""
    width = max(map(len, results["iou"]))
    rows = [f"{name:<{width}}  {_percent(iou)}" for name, iou in results["iou"].items()]
    summary = [
        f"{title:<{width}}  {_percent(results[key])}"
        for key, title in (
            ("miou", "mIoU"),
            ("pixel_accuracy", "pixel acc."),
            ("class_accuracy", "class acc."),
            ("fw_iou", "fw IoU"),
        )
    ]
    line = "-" * (width + 7)
    return "\n".join([f"{'class':<{width}}  IoU %", line, *rows, line, *summary])


def _percent(value):
    return "    –" if value is None else f"{100 * value:5.1f}"
