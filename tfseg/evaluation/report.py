"""The report of a test as one page: figures, classes, confusions, frames, other runs beside it."""

import json
import math
from html import escape
from pathlib import Path

import numpy as np

from tfseg.errors import UserError
from tfseg.evaluation.figures import COLUMNS, SUMMARY
from tfseg.labels import VOID
from tfseg.page import bar, figure, swatch, write_page
from tfseg.records.example import encode_png
from tfseg.visualize import colorize, confusion_picture

EACH = 2  # frames shown of the best, the middling and the worst
PANEL = 480  # pixels, the widest a picture of a frame is
WRONG = (230, 30, 30)


def others(runs, split):
    """[(folder, results)] of runs that were tested on a split before. Raises `UserError`."""
    found = []
    for run in runs or ():
        path = Path(run) / f"test-{split}.json"
        try:
            found.append((str(run), json.loads(path.read_text())))
            found[-1][1]["iou"].keys()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            raise UserError(f"--compare={run} has no {path.name}; test --run={run} first") from None
    return found


def write(path, target, scored, others):
    """Writes the page of a `Target` and its `Score`; `others` as the function has them."""
    results, labels = scored.tally.results(), target.labels
    about = f"{target.name}, {len(target.split)} frames of {target.split.name}"
    about += f", {target.looks}" if target.looks else ""
    parts = [
        f"<h1>{escape(labels.dataset)}: {_percent(results['miou'])} % mIoU</h1>"
        f'<p class="dim">{escape(about)}</p>',
        _tiles(results),
        _classes(results, labels),
        _compare([(target.name, results), *others], labels) if others else "",
        _confusion(scored.tally.matrix, labels),
        _frames(target, scored.frames),
        _calibration(results) if "calibration" in results else "",
    ]
    write_page(path, f"{labels.dataset}: {target.split.name}", "\n".join(parts))


def _tiles(results):
    tiles = (
        f'<div class="tile">{escape(title)}<b>{_percent(results[key])} %</b></div>'
        for key, title in SUMMARY.items()
        if results.get(key) is not None
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _classes(results, labels):
    """A bar of IoU for every class, and its other figures."""
    shown = {key: title for key, title in COLUMNS.items() if key in results}
    heads = "".join(f"<th>{escape(title)}</th>" for title in shown.values())
    lines = [f'<tr><th>class</th><th class="wide"></th>{heads}</tr>']
    for name, color in zip(labels.classes, labels.colors, strict=True):
        cells = "".join(f"<td>{_percent(results[key].get(name))}</td>" for key in shown)
        lines.append(
            f"<tr><td>{swatch(color)}{escape(name)}</td>"
            f'<td class="wide">{bar(results["iou"][name] or 0, color)}</td>{cells}</tr>'
        )
    return f'<h2>Classes</h2><table class="bars">{"".join(lines)}</table>'


def _compare(tests, labels):
    """[(folder, results)], a column each, the test itself first; the best of a line is bold."""
    folders, columns = zip(*tests, strict=True)
    names = [Path(folder).name for folder in folders]
    names = names if len(set(names)) == len(names) else folders
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = [
        (title, [found.get(key) for found in columns])
        for key, title in SUMMARY.items()
        if key in columns[0] and key != "ece"
    ] + [
        (f"IoU of {label}", [found["iou"].get(label) for found in columns])
        for label in labels.classes
    ]
    lines = [f"<tr><th></th>{heads}</tr>"]
    for title, values in rows:
        best = max((value for value in values if value is not None), default=None)
        cells = "".join(
            f"<td><b>{_percent(value)}</b></td>"
            if value is not None and value == best
            else f"<td>{_percent(value)}</td>"
            for value in values
        )
        lines.append(f"<tr><td>{escape(title)}</td>{cells}</tr>")
    table = f"<table>{''.join(lines)}</table>"
    return f'<h2>Beside other runs</h2><div class="scroll">{table}</div>'


def _confusion(matrix, labels):
    picture = confusion_picture(matrix[:, : len(labels.classes)], labels.classes)
    about = "confusion matrix: rows are the truth, columns the prediction"
    return "<h2>What is taken for what</h2>" + figure(_png(picture), "", about)


def _frames(target, mious):
    """The best, middling and worst frames by their own mIoU."""
    order = [index for index in np.argsort(mious) if not math.isnan(mious[index])]
    middle = max(0, len(order) // 2 - EACH // 2)
    groups = {
        "Worst": order[:EACH],
        "Middling": order[middle : middle + EACH],
        "Best": order[-EACH:][::-1],
    }
    names = zip(target.labels.classes, target.labels.colors, strict=True)
    legend = "".join(f"<span>{swatch(color)}{escape(name)}</span>" for name, color in names)
    parts, shown = [f'<h2>Frames</h2><div class="legend">{legend}</div>'], set()
    for title, chosen in groups.items():
        for index in chosen:
            if index not in shown:  # of few frames, one may be of two kinds
                parts.append(_frame(target, int(index), title, mious[index]))
                shown.add(index)
    return "\n".join(parts)


def _frame(target, index, title, miou):
    image, truth, prediction = target.frame(index)
    colors = target.labels.colors
    wrong = (truth != prediction) & (truth != VOID)
    gray = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) // 2 + 96
    panels = {
        "original": image,
        "truth": colorize(truth, colors),
        "prediction": colorize(prediction, colors),
        f"wrong: {wrong.sum() / max(1, (truth != VOID).sum()):.1%} of the pixels": np.where(
            wrong[..., None], np.uint8(WRONG), gray
        ),
    }
    figures = "".join(
        figure(_png(_fitting(panel)), caption, f"{caption} of frame {index}")
        for caption, panel in panels.items()
    )
    return (
        f'<p><b>{title}</b> <span class="dim">frame {index}, mIoU {_percent(miou)} %</span></p>'
        f'<div class="panels">{figures}</div>'
    )


def _fitting(pixels):
    """Whole steps smaller, so that a mask keeps its colours."""
    step = -(-pixels.shape[1] // PANEL)
    return pixels[::step, ::step]


def _png(pixels):
    return encode_png(np.ascontiguousarray(pixels[..., ::-1]))


def _calibration(results):
    """Accuracy over confidence: bars as wide as a bin, as dark as it is full."""
    side, drawn = 300, []
    bins = [found for found in results["calibration"] if found["share"]]
    width = side / len(results["calibration"])
    fullest = max((found["share"] for found in bins), default=1)
    for place, found in enumerate(results["calibration"]):
        if found["share"]:
            height = side * found["accuracy"]
            shade = 0.25 + 0.75 * found["share"] / fullest
            drawn.append(
                f'<rect x="{place * width:.1f}" y="{side - height:.1f}" width="{width - 2:.1f}" '
                f'height="{height:.1f}" fill="#2f6db3" fill-opacity="{shade:.2f}">'
                f"<title>confidence {found['confidence']:.2f}, accuracy {found['accuracy']:.2f}, "
                f"{found['share']:.1%} of the pixels</title></rect>"
            )
    return (
        "<h2>Calibration</h2>"
        f'<p class="dim">How often pixels are right, over how sure the network is of them; on the '
        f"line it is as sure as it should be. Expected calibration error "
        f"{_percent(results['ece'])} %; dark bars hold many pixels.</p>"
        f'<svg class="chart" viewBox="-34 -6 {side + 44} {side + 40}" role="img" '
        f'aria-label="share of right pixels over confidence">{"".join(drawn)}'
        f'<path d="M0 {side}L{side} 0M0 0V{side}H{side}" fill="none" stroke="#5b6472"/>'
        f'<text x="0" y="{side + 16}">0</text><text x="{side - 8}" y="{side + 16}">1</text>'
        f'<text x="{side // 2 - 34}" y="{side + 30}">confidence</text>'
        f'<text x="-14" y="12">1</text>'
        f'<text transform="rotate(-90)" x="-{side // 2 + 28}" y="-12">accuracy</text></svg>'
    )


def _percent(value):
    return "–" if value is None else f"{100 * value:.1f}"
