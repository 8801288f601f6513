"""What was found, as text for the terminal and as one HTML page."""

import re
from dataclasses import dataclass
from html import escape
from pathlib import PurePath

from tfseg.losses import CLASS_WEIGHTS, class_weights
from tfseg.page import bar, figure, swatch, write_page
from tfseg.records.example import encode_png

SCHEMES = tuple(CLASS_WEIGHTS)
MOST_SIZES = 4
CLEAN = "nothing found that would spoil training"


@dataclass(frozen=True)
class Row:
    """A class in a split: its share of all label pixels, and its weight under each scheme."""

    name: str
    color: tuple[int, int, int]
    share: float
    weights: tuple[float, ...]


def rows(data, found):
    """The classes of a split, in the order of their indices; none where no label has any."""
    pixels = found.pixels[: len(data.classes)]
    if not pixels.any():
        return []
    present = found.present[: len(data.classes)]
    weights = [
        class_weights(pixels, scheme, void=found.void, present=present) for scheme in SCHEMES
    ]
    shares = pixels / found.pixels.sum()
    columns = (data.classes, data.colors, shares, zip(*weights, strict=True))
    return [Row(*row) for row in zip(*columns, strict=True)]


def text(data, surveys, findings):
    """The report for a terminal."""
    lines = [data.heading]
    for split, found in surveys.items():
        lines += ["", f"{split}: {_frames(found)}{_sizes(found)}", *_class_table(data, found)]
    lines += ["", *(f"{_severity(finding)}: {finding.text}" for finding in findings)]
    if not any(finding.spoils for finding in findings):
        lines.append(CLEAN)
    return "\n".join(lines)


def _severity(finding):
    return "spoils training" if finding.spoils else "note"


def _frames(found):
    return f"{found.frames} frame{'' if found.frames == 1 else 's'}"


def _sizes(found):
    """Their sizes; from the least to the largest sides where there are many."""
    sizes = sorted(found.sizes)
    if not sizes:
        return ""
    if len(sizes) <= MOST_SIZES:
        return f" of {', '.join(map(_by, sizes))} (height x width)"
    sides = list(zip(*sizes, strict=True))
    return (
        f" of {len(sizes)} sizes, {_by(map(min, sides))} to {_by(map(max, sides))} (height x width)"
    )


def _by(size):
    return "x".join(map(str, size))


def _class_table(data, found):
    table = rows(data, found)
    if not table:
        return ["no label holds a pixel of any class"]
    width = max(map(len, (*data.classes, "void")))
    lines = [f"{'class':<{width}}  pixels %" + "".join(f"{scheme:>9}" for scheme in SCHEMES)]
    for row in table:
        weights = "".join(f"{weight:9.2f}" for weight in row.weights)
        missing = "" if row.share else "  <- no pixel"
        lines.append(f"{row.name:<{width}}  {100 * row.share:8.2f}{weights}{missing}")
    void = 100 * found.void / found.pixels.sum()
    return [*lines, f"{'void':<{width}}  {void:8.2f}"]


def write(path, data, surveys, findings, samples):
    """Writes the report as a page, with the samples of `montage`."""
    parts = [
        f'<h1>{escape(data.name)}</h1>\n<p class="dim">{escape(data.heading)}</p>',
        _verdict(findings),
        _tiles(surveys),
        _findings(findings),
        *(_classes(data, split, found) for split, found in surveys.items()),
        _samples(data, samples),
    ]
    write_page(path, f"{data.name}: what is in it", "\n".join(parts))


def _verdict(findings):
    count = sum(finding.spoils for finding in findings)
    if not count:
        return f'<p class="verdict good">{CLEAN.capitalize()}</p>'
    things = "1 finding" if count == 1 else f"{count} findings"
    return f'<p class="verdict bad">{things} would spoil training</p>'


def _tiles(surveys):
    tiles = [
        f'<div class="tile">{escape(split)}<b>{_frames(found)}</b>'
        f'<span class="dim">{_sizes(found).removeprefix(" of ")}</span></div>'
        for split, found in surveys.items()
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _findings(findings):
    if not findings:
        return ""
    items = (
        f'<li class="{"bad" if finding.spoils else "note"}"><b>{_severity(finding)}</b> '
        f"<span>{_prose(finding.text)}</span></li>"
        for finding in findings
    )
    return f'<h2>Findings</h2>\n<ul class="findings">{"".join(items)}</ul>'


def _prose(text):
    """Plain text as HTML; what stands between backticks is to be typed."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _classes(data, split, found):
    """Bars in class colours, the longest over the whole width; shares and weights beside them."""
    table = rows(data, found)
    if not table:
        return f"<h2>Classes in {escape(split)}</h2><p>No label holds a pixel of any class.</p>"
    void = found.void / found.pixels.sum()
    longest = max(void, *(row.share for row in table))
    heads = "".join(f"<th>{scheme}</th>" for scheme in SCHEMES)
    lines = [f'<tr><th>class</th><th class="wide"></th><th>pixels %</th>{heads}</tr>']
    for row in table:
        weights = "".join(f"<td>{weight:.2f}</td>" for weight in row.weights)
        lines.append(_line(row.name, row.color, row.share, longest, weights))
    lines.append(_line("void", (0, 0, 0), void, longest, "<td></td>" * len(SCHEMES)))
    return (
        f"<h2>Classes in {escape(split)}</h2>\n"
        f'<p class="dim">Share of the label pixels, and weights of the classes in the loss.</p>\n'
        f'<table class="bars">{"".join(lines)}</table>'
    )


def _line(name, color, share, longest, weights):
    shown = bar(share / longest, color) if share else '<span class="bad">no pixel</span>'
    return (
        f'<tr><td>{swatch(color)}{escape(name)}</td><td class="wide">{shown}</td>'
        f"<td>{100 * share:.2f}</td>{weights}</tr>"
    )


def _samples(data, samples):
    if not samples:
        return ""
    names = zip(data.classes, data.colors, strict=True)
    legend = "".join(f"<span>{swatch(color)}{escape(name)}</span>" for name, color in names)
    figures = (
        figure(
            encode_png(sample.pair[..., ::-1]),
            PurePath(sample.where).name,
            "a frame beside the same with its label laid over it",
        )
        for sample in samples
    )
    return (
        f'<h2>Samples</h2>\n<p class="dim">Each frame, and its label laid over it; void pixels are '
        f'left as they are.</p>\n<div class="legend">{legend}</div>\n'
        f'<div class="figures">{"".join(figures)}</div>'
    )


def draft_text(entries):
    """A drafted table of classes for a terminal: name, value, colour and share of the pixels."""
    lines = [f"{'class':<12} value  {'r,g,b':<11}  pixels %"]
    for entry in entries:
        color, value = entry.shown, "" if entry.value is None else entry.value
        lines.append(f"{entry.name:<12} {value:>5}  {color:<11}  {100 * entry.share:8.2f}")
    return "\n".join(lines)


def write_draft(path, source, entries):
    """Writes a drafted table of classes as a page, a patch of colour and a bar for each class."""
    longest = max(entry.share for entry in entries)
    lines = "".join(
        f"<tr><td>{swatch(entry.color or (0, 0, 0))}{escape(entry.name)}</td>"
        f'<td class="wide">{bar(entry.share / longest, entry.color or (0, 0, 0))}</td>'
        f"<td>{100 * entry.share:.2f}</td><td>{'' if entry.value is None else entry.value}</td>"
        f"<td>{entry.shown}</td></tr>"
        for entry in entries
    )
    heads = '<th>class</th><th class="wide"></th><th>pixels %</th><th>value</th><th>r,g,b</th>'
    body = (
        f"<h1>{escape(source.resolve().name)}: a table of classes, drafted from its masks</h1>\n"
        f'<table class="bars"><tr>{heads}</tr>{lines}</table>'
    )
    write_page(path, f"{source.resolve().name}: drafted classes", body)
