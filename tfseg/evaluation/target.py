"""The target of `test`: a network, an export or predicted masks, and a split of records."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfseg.config import TestConfig
from tfseg.errors import UserError
from tfseg.evaluation.instances import CLASSES as CITYSCAPES
from tfseg.evaluation.instances import cityscapes_prediction
from tfseg.evaluation.sources import Export, MaskFolder
from tfseg.labels import Labels, label_sets, labels_of
from tfseg.networks import Network, check_labels, find_network
from tfseg.prediction.segmenter import make_engine
from tfseg.records.corrupt import without_corrupt
from tfseg.records.reader import open_input, open_records
from tfseg.records.split import Split
from tfseg.runs import RunFolder

OTHERS = ("export", "predictions")  # instead of a network


@dataclass(frozen=True)
class Target:
    """What `test` evaluates: masks of `source` on a split; also the output folder and a title."""

    name: str
    source: object
    split: Split
    labels: Labels
    output: Path
    looks: str = ""
    network: Network | None = None
    task: str = "multiclass"

    def frame(self, index):
        """(image, truth, prediction) of a frame of the split."""
        image, truth = self.split.frame(index)
        if self.task == "multilabel":
            truth = label_sets(labels_of(self.split.info)).masks(truth)
        return image, truth, self.source.label(image[None], index)[0][0]


def find_target(config: TestConfig) -> Target:
    """The `Target` of the flags. Raises `UserError` if they name none, or several."""
    config.check()
    if config.source in OTHERS:
        return _without_network(config, config.source)
    records = _records(config) if config.model else _records_of_run(config)
    network = find_network(config, labels_of(records.info, config.task) if config.model else None)
    check_labels(records, network.labels, network.settings.task, network.name)
    shown = Path(config.model or "").name  # hf://user/name becomes name
    output = network.run.path if network.run else Path("runs", f"{records.name}-{shown}")
    split, engine = _split(config, records), make_engine(network, config)
    for size in split.sizes:
        engine.check_size(*size, f"a frame of {split.name}")
    task = network.settings.task
    return Target(
        network.name, engine, split, network.labels, output, _looks(config), network, task
    )


def _looks(config):
    """A text of the test-time options that differ from the defaults."""
    changed = config.changed()
    return ", ".join(
        name if changed[name] is True else f"{name} {changed[name]}"
        for name in (*config.group("looks"), "crf")
        if name in changed
    )


def _without_network(config, kind):
    """The target of `--export` or `--predictions`."""
    others = ("crf", "threshold")
    for name in (*config.group("looks"), *config.group("crf"), *config.group("model"), *others):
        if name in config.given:
            raise UserError(f"--{name} is for networks; leave it out with --{kind}")
    if config.checkpoint:
        raise UserError(f"--checkpoint is for networks; leave it out with --{kind}")
    records = _records(config)
    if config.label_ids and tuple(records.info.classes) != CITYSCAPES:
        raise UserError(f"--label_ids is for Cityscapes' 19 classes, which {records.path} lacks")
    split, folder, task = _split(config, records), getattr(config, kind), "multiclass"
    if kind == "export":
        source = Export(folder)
        task = source.task
    else:
        table = cityscapes_prediction(np.arange(256)) if config.label_ids else None
        source = MaskFolder(folder, split, table)
    output = Path("runs") / f"{records.name}-{kind}"
    labels = labels_of(records.info, task)
    return Target(str(folder), source, split, labels, output, task=task)


def _records(config):
    return open_records(config.input, config.dataset, skip_damaged=config.skip_damaged)


def _records_of_run(config):
    """The records of `--input`, or else those of the run's training."""
    trained = RunFolder(config.run).config()
    if config.input:
        options = {"pixel_range": trained.pixel_range, "skip_damaged": config.skip_damaged}
        return open_records(config.input, config.dataset, **options)
    trained = dataclasses.replace(trained, dataset=config.dataset or trained.dataset)
    return open_input(trained, config.skip_damaged)


def _split(config, records):
    if config.split not in records.splits:
        raise UserError(
            f"--split={config.split} is not in {records.path}; it has {', '.join(records.splits)}"
        )
    split = records.splits[config.split]
    return without_corrupt(split) if config.skip_damaged else split
