"""Compares the masks of a split with its labels, frame by frame."""

from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from tfseg.data.pipeline import evaluation_batches
from tfseg.evaluation.figures import Tally
from tfseg.evaluation.instances import CLASSES as CITYSCAPES
from tfseg.evaluation.multilabel import MultilabelTally
from tfseg.labels import label_sets, labels_of
from tfseg.records.corrupt import naming_corrupt


@dataclass(frozen=True)
class Score:
    """The result of `score`: the metrics of all frames, and those of each frame."""

    tally: Tally | MultilabelTally
    frames: list[dict[str, Any]]


def score(source, split, batch_size=4, show=None, task="multiclass"):
    """Scores masks on a split, frame by frame.

    Args:
        source: has `label(images, start)`, which returns classes uint8 (N, H, W) and their
            probabilities or None, for the frames from index `start` on.
        split: labelled frames.
        batch_size: frames at a time; no metric depends on it.
        show: called as show(index, image, truth, prediction) for every frame.
        task: kind of the masks, one of `tfseg.decision.TASKS`.
    """
    sets = label_sets(labels_of(split.info)) if task == "multilabel" else None
    tally = MultilabelTally(sets.labels.classes) if sets else Tally(split.info.classes)
    frames = []
    with_objects = tuple(split.info.classes) == CITYSCAPES
    bar = tqdm(total=len(split), desc=f"scoring {split.name}", unit="frame")
    with bar, naming_corrupt(split):
        for images, truths in evaluation_batches(split, batch_size=batch_size):
            start = len(frames)  # not the bar's count, which stays 0 if bars are disabled
            masks, confidences = source.label(images, start)
            for place, (truth, mask) in enumerate(zip(truths.numpy(), masks, strict=True)):
                index = start + place
                instance = split.about(index)[1] if with_objects else None
                confidence = None if confidences is None else confidences[place]
                truth = sets.masks(truth) if sets else truth
                frames.append(tally.add(truth, mask, instance, confidence))
                if show:
                    show(index, images[place].numpy(), truth, mask)
            bar.update(len(images))
    return Score(tally, frames)


def score_network(engine, split, batch_size=4, show=None):
    """Calls `score` for an `Engine`; first checks that the frames are large enough."""
    for size in split.sizes:
        engine.check_size(*size, f"a frame of {split.name}")
    return score(engine, split, batch_size, show, engine.decision.task)
