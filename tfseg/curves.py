"""The `plot` command: draws training curves of runs from their TensorBoard events."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

from tfseg import atomic
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.flags import spell
from tfseg.runs import RunFolder

TAGS = ("loss", "miou", "learning_rate")
# Okabe and Ito's colours, which colour-blind readers can tell apart, without the faint yellow.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("-", "--", ":")  # when the colours run out
INK, GRID = "#404040", "#e2e2e2"


@dataclass(frozen=True)
class Curves:
    """The curves of a run: (split, tag) -> [(epoch, value), ...] with epochs rising from 1."""

    run: Path
    settings: dict
    values: dict

    def best(self):
        """(epoch, value) of the highest validation mIoU, or None if there is none yet."""
        known = [point for point in self.values["val", "miou"] if math.isfinite(point[1])]
        return max(known, key=lambda point: point[1], default=None)


def plot(config):
    """Writes the image of a `PlotConfig` completely or not at all; returns its path."""
    every = [read_curves(path) for path in config.run or (None,)]
    _check_folders(every)
    if config.output.is_dir():
        raise UserError(f"--output={config.output} is a folder; give a file, e.g. curves.png")
    with atomic.file(config.output) as partial:
        draw(every, legend_names(every)).savefig(partial, format="png")
    return config.output


def read_curves(path):
    """The `Curves` of a run's folder. Raises `UserError` if it has no events yet."""
    run = RunFolder(path)
    settings = asdict(run.config())
    folders = [run.path / "tensorboard"]  # first, because --logdir may be new on resuming
    if settings["logdir"]:
        folders.append(settings["logdir"])
    values = {(split, tag): [] for split in ("train", "val") for tag in TAGS}
    for split in ("train", "val"):
        for tag, curve in _read_scalars([folder / split for folder in folders]).items():
            values[split, tag] = curve
    if not any(values.values()):
        raise UserError(
            f"{run.path}: no figures in {folders[-1]} yet; training writes them after each epoch"
        )
    return Curves(run.path, settings, values)


def _read_scalars(folders):
    """The events of one split: tag -> [(epoch, value), ...]."""
    events = []
    for path in (path for folder in folders for path in folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag in TAGS:
                    scalar = float(make_ndarray(value.tensor))
                    events.append((event.wall_time, event.step, value.tag, scalar))
    curves = {}
    for _, epoch, tag, scalar in sorted(events):
        curve = curves.setdefault(tag, [])
        while curve and curve[-1][0] >= epoch:  # a resumed run replaces later epochs
            curve.pop()
        curve.append((epoch, scalar))
    return curves


def _check_folders(every):
    """Raises `UserError` if two runs share a --logdir: events do not name their run."""
    owners = {}
    for curves in every:
        folder = Path(curves.settings["logdir"] or curves.run / "tensorboard").resolve()
        other = owners.setdefault(folder, curves.run)
        if other != curves.run:
            raise UserError(
                f"{other} and {curves.run} wrote to the same --logdir={folder}; "
                f"their figures cannot be told apart"
            )


def legend_names(every):
    """The name of each run: its differing settings if there are few, else its folder."""
    names = _told_by_settings(every)
    if "" in names or len(set(names)) < len(every) or max(map(len, names)) > 70:
        names = [curves.run.resolve().name for curves in every]
    if len(set(names)) < len(every):
        names = [str(curves.run) for curves in every]
    return names


def _told_by_settings(every):
    first, silent = every[0].settings, TrainConfig.having("silent")
    differing = [
        name
        for name in first
        if name not in silent and any(curves.settings[name] != first[name] for curves in every)
    ]
    return [", ".join(_spelled(name, c.settings[name]) for name in differing) for c in every]


def _spelled(name, value):
    """A setting, spelled like its flag."""
    if value is None:
        return f"{name} not set"
    if isinstance(value, float):
        return f"{name}={value:g}"
    return f"{name}={spell(TrainConfig.__dataclass_fields__[name], value)}"


def draw(every, names):
    """Draws a figure 1200 pixels wide: mIoU on the left, loss and learning rate on the right."""
    height = 6.42 + 0.26 * len(every)  # inches; a line of the legend takes 0.26
    figure = Figure(figsize=(12, height), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    panels = figure.subplot_mosaic(
        [["miou", "loss"], ["miou", "learning_rate"]], width_ratios=(3, 2), height_ratios=(3, 2)
    )
    for i, curves in enumerate(every):
        for tag, axes in panels.items():
            _draw_curves(axes, curves.values, tag, _look(i))
        if curves.best():
            panels["miou"].plot(*curves.best(), **_look(i, marker="o"))
    for tag, axes in panels.items():
        _dress(axes, tag)
        lines = [curves.values[split, tag] for curves in every for split in ("train", "val")]
        if tag != "miou" and _spread(lines) > 20:  # else one run would flatten the others
            axes.set_yscale("log", nonpositive="mask")
    _draw_legends(figure, panels["miou"], every, names)
    return figure


def _look(i, marker=None):
    """The colour and line style of the i-th run, or of its marker."""
    color = COLORS[i % len(COLORS)]
    if marker:
        return {"color": color, "marker": marker, "ls": "", "ms": 7, "mec": "white"}
    return {"color": color, "ls": STYLES[i // len(COLORS) % len(STYLES)]}


def _draw_curves(axes, values, tag, look):
    thin = {"lw": 1.1, "alpha": 0.75} if values["val", tag] else {"lw": 2.2}
    for split, width in (("train", thin), ("val", {"lw": 2.2})):
        curve = values[split, tag]
        if not curve:
            continue
        epochs, figures = zip(*curve, strict=True)
        if any(tuple(line.get_ydata()) == figures for line in axes.lines):
            look = {**look, "ls": (0, (4, 4))}  # dashed, to show the identical line below
        mark = "o" if len(curve) == 1 else None  # a single epoch has no line, only a point
        axes.plot(epochs, figures, marker=mark, ms=4, **look, **width)


def _spread(lines):
    """The ratio of the highest value to the smallest median; 1 if no value is positive."""
    positive = [[value for _, value in line if 0 < value < math.inf] for line in lines]
    positive = [values for values in positive if values]
    if not positive:
        return 1.0
    return max(map(max, positive)) / min(map(median, positive))


def _dress(axes, tag):
    titles = {"miou": "mIoU", "loss": "loss", "learning_rate": "learning rate"}
    axes.set_title(titles[tag], loc="left", fontsize=14, fontweight="bold", color=INK)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a0a0a0")
    axes.tick_params(colors=INK, labelsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10), min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=12, color=INK)


def _draw_legends(figure, axes, every, names):
    """Draws the legend above: each run's line and name, and its best mIoU in a second column."""
    lines, bests = [], []
    for i, (curves, name) in enumerate(zip(every, names, strict=True)):
        lines.append(Line2D([], [], lw=2.6, label=name, **_look(i)))
        best = curves.best()
        text = f"best mIoU {best[1]:.3f} at epoch {best[0]}" if best else "no validation yet"
        bests.append(Line2D([], [], label=text, **_look(i, marker="o")))
    figure.legend(
        handles=lines + bests, ncols=2, loc="outside upper left", fontsize=12, frameon=False
    )
    splits = [
        Line2D([], [], color=INK, lw=2.2, label="val"),
        Line2D([], [], color=INK, lw=1.1, alpha=0.75, label="train"),
    ]
    axes.legend(handles=splits, loc="lower right", fontsize=12, frameon=False)
