"""`test`: the figures of a network, an export or predicted masks on a split of labelled frames."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfseg.data.pipeline import evaluation_batches
from tfseg.devices import select
from tfseg.errors import UserError
from tfseg.evaluation import report
from tfseg.evaluation.figures import Tally, cityscapes_prediction, elab_names, table
from tfseg.evaluation.inference import LOOKS, make_engine
from tfseg.evaluation.instances import CLASSES as CITYSCAPES
from tfseg.evaluation.sources import Export, MaskFolder
from tfseg.records.damage import naming_damage, without_damage
from tfseg.records.example import decode, decode_about
from tfseg.records.reader import Records, open_records
from tfseg.runs import Labels, RunFolder, load_network, load_public_network, write_json
from tfseg.visualize import confusion_picture, triptych, write_picture

SHOWN = 8  # frames whose pictures are written


@dataclass(frozen=True)
class Score:
    """What `score` counts: a `Tally`, and every frame's own mIoU."""

    tally: Tally
    frames: list[float]


def score(source, split, batch_size=4, show=None):
    """Scores masks on a split, frame by frame.

    Args:
        source: has `label(images, start)`, which gives classes uint8 (N, H, W) and their
            probabilities, or None, of the frames from number `start` on.
        split: labelled frames.
        batch_size: frames at a time, which no figure depends on.
        show: called as show(index, image, truth, prediction) for every frame.
    """
    tally, frames = Tally(split.info.classes), []
    with_objects = tuple(split.info.classes) == CITYSCAPES
    bar = tqdm(total=len(split), desc=f"scoring {split.name}", unit="frame")
    with bar, naming_damage(split):
        for images, truths in evaluation_batches(split, batch_size=batch_size):
            start = len(frames)  # not the bar's count, which stands still where bars are turned off
            masks, confidences = source.label(images, start)
            for place, (truth, mask) in enumerate(zip(truths.numpy(), masks, strict=True)):
                index = start + place
                instance = decode_about(split.read(index))[1] if with_objects else None
                confidence = None if confidences is None else confidences[place]
                frames.append(tally.add(truth, mask, instance, confidence))
                if show:
                    show(index, images[place].numpy(), truth, mask)
            bar.update(len(images))
    return Score(tally, frames)


def score_network(engine, split, batch_size=4, show=None):
    """`score` of an `Engine`, after a look at whether its frames are large enough."""
    for size in split.sizes:
        engine.check_size(*size, f"a frame of {split.name}")
    return score(engine, split, batch_size, show)


def test(config):
    """Scores what a `TestConfig` names: prints the table, writes the figures.

    `test-<split>.json` has them, a folder `test-<split>` the confusion matrix and pictures, and
    `config.html` all of it as one page.
    """
    if config.compare and not config.html:
        raise UserError("--compare is shown by --html=FILE; give that too")
    select(config.gpu, config.mem_frac)
    subject = _subject(config)
    others = report.others(config.compare, config.split)
    output = config.output or subject.output
    folder = output / f"test-{config.split}"
    folder.mkdir(parents=True, exist_ok=True)
    split, labels = subject.split, subject.labels
    scored = score(subject.source, split, config.batch_size, _montages(folder, split, labels))
    results = scored.tally.results()
    path = output / f"test-{config.split}.json"
    write_json(path, results)
    _write_matrix(folder, scored.tally.matrix, labels.classes)
    print(table(results))
    if config.elab_names:
        _print_elab(results)
    print(f"wrote {path} and pictures in {folder}")
    if config.html:
        report.write(config.html, subject, scored, others)


@dataclass(frozen=True)
class Subject:
    """What is tested: `source.label` on a split, where figures go, and what a report calls it."""

    name: str
    source: object
    split: object
    labels: Labels
    output: Path
    looks: str = ""

    def frame(self, index):
        """(image, truth, prediction) of a frame of the split."""
        image, truth = decode(self.split.read(index), self.split.info.encoding)
        return image.numpy(), truth.numpy(), self.source.label(image[None], index)[0][0]


def _subject(config):
    given = [name for name in ("run", "model", "export", "predictions") if getattr(config, name)]
    if len(given) > 1:
        raise UserError(f"--{given[0]} beside --{given[1]}; give one of them")
    if config.label_ids and not config.predictions:
        raise UserError("--label_ids says what --predictions hold; give --predictions=FOLDER")
    if given in (["export"], ["predictions"]):
        return _foreign(config, given[0])
    if given == ["model"]:
        records = _records_of(config, "--model")
        labels = _labels(records)
        network = load_public_network(config, len(labels.classes))
        output = Path("runs") / f"{records.name}-{config.model}"
        name = f"{config.model} of {config.checkpoint}"
    else:
        run = RunFolder(config.run)
        records, labels, output, name = _of_run(config, run), run.labels(), run.path, str(run.path)
        check_labels(records, run)
        network = load_network(run, config.checkpoint)
    split, engine = _split(config, records), make_engine(network, config)
    for size in split.sizes:
        engine.check_size(*size, f"a frame of {split.name}")
    return Subject(name, engine, split, labels, output, _looks(config))


def _looks(config):
    """How the network looks at pictures, in words, where it is not as usual."""
    changed = _changed(config, (*LOOKS, "crf"))
    return ", ".join(
        name if value is True else f"{name} {value}" for name, value in changed.items()
    )


def _changed(config, names):
    """Name -> value of the flags that are not as usual."""
    usual = type(config)()
    return {
        name: value for name in names if (value := getattr(config, name)) != getattr(usual, name)
    }


def _foreign(config, kind):
    """The subject of `--export` or `--predictions`."""
    for name in _changed(config, (*LOOKS, "crf", "checkpoint")):
        raise UserError(f"--{name} is for networks; leave it out beside --{kind}")
    records = _records_of(config, f"--{kind}")
    if config.label_ids and tuple(records.info.classes) != CITYSCAPES:
        raise UserError(f"--label_ids is for Cityscapes' 19 classes, which {records.path} has not")
    split, folder = _split(config, records), getattr(config, kind)
    if kind == "export":
        source = Export(folder)
    else:
        table = cityscapes_prediction(np.arange(256)) if config.label_ids else None
        source = MaskFolder(folder, split, table)
    output = Path("runs") / f"{records.name}-{kind}"
    return Subject(str(folder), source, split, _labels(records), output)


def _records_of(config, flag):
    if config.input is None:
        raise UserError(f"{flag} needs --input=RECORDS to be tested on")
    return open_records(config.input, config.dataset)


def _labels(records):
    return Labels(records.name, records.info.classes, records.info.colors)


def _split(config, records):
    if config.split not in records.splits:
        raise UserError(
            f"--split={config.split} is not in {records.path}; it has {', '.join(records.splits)}"
        )
    split = records.splits[config.split]
    return without_damage(split) if config.skip_damaged else split


def _of_run(config, run):
    """The records of `--input`, or those that a run was trained on."""
    trained = run.config()
    if config.input:
        return open_records(config.input, config.dataset)
    dataset = config.dataset or trained.dataset
    return open_records(
        trained.input, dataset, trained.input_val, trained.val_fraction, trained.input_weights
    )


def check_labels(records: Records, run: RunFolder):
    """Raises `UserError` where records and a run do not mean the same classes."""
    labels = run.labels()
    if tuple(records.info.classes) != labels.classes:
        raise UserError(
            f"{records.path} has {len(records.info.classes)} classes "
            f"({', '.join(records.info.classes[:3])}, ...), but {run.path} was trained on "
            f"{len(labels.classes)} ({', '.join(labels.classes[:3])}, ...); "
            f"give --input the records it was trained on"
        )


def _montages(folder, split, labels):
    """Writes original | truth | prediction of a few frames spread over the split."""
    shown = {i * len(split) // SHOWN for i in range(SHOWN)}

    def show(index, image, truth, prediction):
        if index in shown:
            picture = triptych(image, truth, prediction, labels.classes, labels.colors)
            write_picture(folder / f"frame-{index:05d}.png", picture)

    return show


def _write_matrix(folder, matrix, classes):
    """As CSV and as a picture; a last column, if need be, counts predictions of no class."""
    matrix, names = matrix[:, : len(classes)], list(classes)
    with open(folder / "confusion.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ prediction", *names])
        writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    write_picture(folder / "confusion.png", confusion_picture(matrix, classes))


def _print_elab(results):
    named = ", ".join(f"{name} {100 * value:.1f}" for name, value in elab_names(results).items())
    print(
        f'e-lab: {named} (warning: its "IoU" is class accuracy and its "iIoU" mIoU; '
        f"compare with no one else's)"
    )
