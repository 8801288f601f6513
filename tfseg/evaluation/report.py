"""The report of a test as one page: metrics, classes, confusion matrix, frames, other runs."""

import json
import math
from pathlib import Path

import numpy as np

from tfseg.errors import UserError
from tfseg.evaluation.figures import COLUMNS, SUMMARY
from tfseg.labels import VOID
from tfseg.pages import data_uri, write_page
from tfseg.records.example import encode_png
from tfseg.visualize import colorize, confusion_picture

EACH = 2  # frames shown for each of best, middle and worst
PANEL = 480  # largest width of a frame's image, pixels
WRONG = (230, 30, 30)


def others(runs, split):
    """[(folder, results)] of other runs already tested on a split. Raises `UserError`."""
    found = []
    for run in runs or ():
        path = Path(run) / f"test-{split}.json"
        try:
            found.append((str(run), json.loads(path.read_text())))
            found[-1][1]["iou"].keys()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            raise UserError(f"--compare={run} has no {path.name}; test --run={run} first") from None
    return found


def write(path, target, tally, frames, others):
    """Writes the page of a `Target`, its tally, its `FrameFigures` and the result of `others`."""
    results, labels = tally.results(), target.labels
    about = f"{target.name}, {len(target.split)} frames of {target.split.name}"
    matrix = tally.matrix
    write_page(
        path,
        "report.html",
        title=f"{labels.dataset}: {target.split.name}",
        dataset=labels.dataset,
        about=about + (f", {target.looks}" if target.looks else ""),
        classes=labels.classes,
        colors=labels.colors,
        results=results,
        summary=SUMMARY,
        columns={key: title for key, title in COLUMNS.items() if key in results},
        compared=_compare([(target.name, results), *others], labels) if others else None,
        confusion=None if matrix is None else _confusion(matrix, labels.classes),
        shown=[_shown(target, *chosen) for chosen in _chosen(frames)],
        frames=frames,
        table=f"test-{target.split.name}-frames.csv",
    )


def _compare(tests, labels):
    """A table that compares [(folder, results)], the current test first."""
    folders, columns = zip(*tests, strict=True)
    names = [Path(folder).name for folder in folders]
    rows = [
        (title, [found.get(key) for found in columns])
        for key, title in SUMMARY.items()
        if key in columns[0] and key != "ece"
    ] + [
        (f"IoU of {label}", [found["iou"].get(label) for found in columns])
        for label in labels.classes
    ]
    return {"names": names if len(set(names)) == len(names) else folders, "rows": rows}


def _chosen(frames):
    """[(rank, frame)] of the worst, middle and best frames by mIoU."""
    order = sorted((one for one in frames if not math.isnan(one.miou)), key=lambda one: one.miou)
    middle = max(0, len(order) // 2 - EACH // 2)
    ranks = {
        "Worst": order[:EACH],
        "Middle": order[middle : middle + EACH],
        "Best": order[-EACH:][::-1],
    }
    found = {}
    for rank, ranked in ranks.items():
        for frame in ranked:
            found.setdefault(frame.index, (rank, frame))  # ranks overlap if there are few frames
    return list(found.values())


def _shown(target, rank, frame):
    """Panels of a frame: image, label, mask, and the wrong pixels."""
    image, truth, prediction = target.frame(frame.index)
    wrong, known = (truth != prediction) & (truth != VOID), truth != VOID
    if wrong.ndim == 3:  # multilabel: wrong in any class
        wrong, known = wrong.any(axis=2), known.any(axis=2)
    gray = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) // 2 + 96
    share = wrong.sum() / max(1, known.sum())
    panels = {
        "image": image,
        "label": colorize(truth, target.labels.colors),
        "mask": colorize(prediction, target.labels.colors),
        f"wrong: {share:.1%} of the pixels": np.where(wrong[..., None], np.uint8(WRONG), gray),
    }
    shown = [{"caption": name, "image": _image(_fitting(panel))} for name, panel in panels.items()]
    return {"rank": rank, "frame": frame, "panels": shown}


def _confusion(matrix, classes):
    return _image(confusion_picture(matrix[:, : len(classes)], classes))


def _fitting(pixels):
    """Shrinks an image by an integer factor, so that a mask keeps its colours."""
    step = -(-pixels.shape[1] // PANEL)
    return pixels[::step, ::step]


def _image(pixels):
    return data_uri(encode_png(np.ascontiguousarray(pixels[..., ::-1])))
