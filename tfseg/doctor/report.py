"""Formats the findings as text for the terminal and as an HTML page."""

from dataclasses import dataclass
from pathlib import PurePath

from tfseg.class_weights import CLASS_WEIGHTS, class_weights
from tfseg.pages import data_uri, write_page
from tfseg.records.example import encode_png

SCHEMES = tuple(CLASS_WEIGHTS)
MOST_SIZES = 4
CLEAN = "no problem found"


@dataclass(frozen=True)
class Row:
    """A class in a split: its share of all label pixels, and its weight under each scheme."""

    name: str
    color: tuple[int, int, int]
    share: float
    weights: tuple[float, ...]


def rows(data, found):
    """The `Row`s of a split in class order; empty if no label has a class."""
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
    """The report for the terminal."""
    lines = [data.heading]
    for split, found in surveys.items():
        lines += ["", f"{split}: {_frames(found)}{_sizes(found)}", *_class_table(data, found)]
    lines += ["", *(f"{_severity(finding)}: {finding.text}" for finding in findings)]
    if not any(finding.spoils for finding in findings):
        lines.append(CLEAN)
    return "\n".join(lines)


def _severity(finding):
    return "problem" if finding.spoils else "note"


def _frames(found):
    return f"{found.frames} frame{'' if found.frames == 1 else 's'}"


def _sizes(found):
    """The frames' sizes, or the range of sides if there are many."""
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
    write_page(
        path,
        "inspect.html",
        title=f"{data.name}: contents",
        name=data.name,
        heading=data.heading,
        findings=findings,
        splits=[_split(data, name, found) for name, found in surveys.items()],
        schemes=SCHEMES,
        classes=data.classes,
        colors=data.colors,
        samples=[
            {
                "name": PurePath(sample.where).name,
                "image": data_uri(encode_png(sample.pair[..., ::-1])),
            }
            for sample in samples
        ],
    )


def _split(data, name, found):
    """The values of a split for the page."""
    table = rows(data, found)
    return {
        "name": name,
        "frames": _frames(found),
        "sizes": _sizes(found).removeprefix(" of "),
        "rows": table,
        "void": found.void / found.pixels.sum() if table else None,
    }


def draft_text(entries):
    """A drafted table of classes for the terminal: name, value, colour, share of the pixels."""
    lines = [f"{'class':<12} value  {'r,g,b':<11}  pixels %"]
    for entry in entries:
        color, value = entry.shown, "" if entry.value is None else entry.value
        lines.append(f"{entry.name:<12} {value:>5}  {color:<11}  {100 * entry.share:8.2f}")
    return "\n".join(lines)


def write_draft(path, source, entries):
    """Writes a drafted table of classes as a page, with a colour and a bar for each class."""
    name = source.resolve().name
    write_page(path, "draft.html", title=f"{name}: drafted classes", source=name, entries=entries)
