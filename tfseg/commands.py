"""The commands; each calls the room that does the work.

The command line gives them flags as text; in Python the same flags are keyword arguments:
`tfseg.train(input="records", epochs=3)`.
"""

import dataclasses
import inspect as inspection
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tfseg import config
from tfseg.errors import UserError, require, unknown
from tfseg.flags import Config

if TYPE_CHECKING:
    from tfseg.doctor.issues import Finding

Result = TypeVar("Result")


class Command(Generic[Result]):
    """A function of a config that is called with the config's flags as keyword arguments."""

    def __init__(self, work: Callable[[Any], Result], config: type[Config]) -> None:
        self.work, self.config = work, config
        self.__name__ = self.__qualname__ = work.__name__
        self.__module__ = work.__module__
        self.__doc__ = f"{inspection.cleandoc(work.__doc__)}\n\nArgs:\n{_arguments(config)}"
        self.__signature__ = inspection.Signature(
            [
                inspection.Parameter(
                    f.name,
                    inspection.Parameter.KEYWORD_ONLY,
                    default=f.default,
                    annotation=f.type,
                )
                for f in dataclasses.fields(config)
            ],
            return_annotation=work.__annotations__["return"],
        )

    def __call__(self, **options: Any) -> Result:
        from tfseg import storage  # with NumPy, which --help does without

        config = self.config.of(**options)
        with storage.local(config):
            return self.work(config)


def _arguments(config):
    return "\n".join(
        textwrap.fill(
            f"{field.name}: {field.metadata['help']}.",
            96,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
        )
        for field in dataclasses.fields(config)
    )


def _command(config):
    return lambda work: Command(work, config)


@_command(config.TrainConfig)
def train(cfg) -> Path:
    """Trains a network, or continues the run `resume`; returns the run's folder.

    Raises:
        UserError: if an option is wrong or the data cannot be used.

    Example:
        >>> run = tfseg.train(input="records", epochs=3)
        >>> tfseg.load(run).predict("photo.jpg")
    """
    from tfseg.training.fit import resume, train

    return resume(cfg) if cfg.resume else train(cfg)


@_command(config.TestConfig)
def test(cfg) -> dict[str, Any]:
    """Scores a network, an export or predicted masks; returns the figures, shares of 1.

    It writes the same figures to `test-<split>.json`, with images and, if asked for, a report.
    With `tune` it compares test-time options instead and writes `tune-<split>.json`.

    Example:
        >>> tfseg.test(run="runs/first", split="val")["miou"]
        0.81
    """
    if cfg.tune:
        from tfseg.evaluation.tune import tune

        return tune(cfg)
    from tfseg.evaluation.evaluate import test

    return test(cfg)


@_command(config.PredictConfig)
def predict(cfg) -> Path:
    """Writes the masks of images or of a video; returns their folder or file.

    `tfseg.load(run).predict(image)` gives one mask as an array.

    Example:
        >>> tfseg.predict(run="runs/first", input="photos", output="masks")
    """
    from tfseg.prediction.predict import predict

    predict(cfg)
    return cfg.output


@_command(config.ExportConfig)
def export(cfg) -> Path:
    """Writes a network for other runtimes; returns the folder.

    Example:
        >>> tfseg.export(run="runs/first", output="exports/linknet/1", format="saved_model,onnx")
    """
    from tfseg.exporting.export import export

    return export(cfg)


@_command(config.ServeConfig)
def serve(cfg) -> None:
    """Serves an export or a public network over HTTP until Ctrl-C or SIGTERM.

    Example:
        >>> tfseg.serve(export="exports/linknet", port=8501)
    """
    from tfseg import storage

    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        require("serve", package, "serve")
    from tfseg.serving.server import serve

    with storage.following(cfg.export):
        serve(cfg.replace(export=_exported(cfg)) if cfg.model else cfg)


def _exported(cfg):
    """The folder with the export of the public network that `serve` names; exports it if needed."""
    from tfseg.pretrained import PRETRAINED

    if cfg.export:
        raise UserError(f"--model={cfg.model} beside --export={cfg.export}; give one of them")
    if cfg.model not in PRETRAINED:
        raise unknown("trained network", cfg.model, PRETRAINED)
    folder = Path("exports", cfg.model)
    if not (folder / "1").exists():
        export(model=cfg.model, output=folder / "1")
    return folder


@_command(config.ConvertConfig)
def convert(cfg) -> Path:
    """Turns a raw data set into records; returns their folder.

    Example:
        >>> tfseg.convert(dataset="camvid", source="CamVid", output="records-camvid")
    """
    from tfseg.datasets import get_dataset
    from tfseg.datasets.download import download
    from tfseg.records.convert import convert

    if cfg.dataset is None:
        raise UserError("convert needs --dataset, as --dataset=streets")
    spec = get_dataset(cfg.dataset, cfg.source, **cfg.group("dataset"))
    source = download(spec, cfg.source) if cfg.download else cfg.source
    return convert(spec, source, cfg.output, **cfg.group("conversion"))


@_command(config.InspectConfig)
def inspect(cfg) -> "list[Finding]":
    """Prints what records or a raw folder hold; returns their problems.

    With `verify` it checks records against their checksums instead, with `draft` it drafts a table
    of classes for a raw folder, with `augment` it draws frames as training sees them.

    Example:
        >>> [finding.text for finding in tfseg.inspect(input="garden") if finding.spoils]
    """
    from tfseg import doctor

    if cfg.augment:
        doctor.show_augmentation(cfg)
        return []
    if cfg.verify:
        return doctor.verify(cfg)
    if cfg.draft:
        return doctor.draft(cfg)
    from tfseg.records.reader import find_raw, open_records

    raw = find_raw(cfg.input, cfg.dataset)
    data = (raw, cfg.input) if raw else open_records(cfg.input, cfg.dataset)
    options = {"workers": cfg.workers, "pixel_range": cfg.pixel_range}
    return doctor.inspect(data, output=cfg.output, html=cfg.html, **options)


@_command(config.ModelsConfig)
def models(cfg) -> None:
    """Prints the networks with their costs, or one of them stage by stage."""
    from tfseg.catalog import show_models

    show_models(cfg)


@_command(config.PlotConfig)
def plot(cfg) -> Path:
    """Draws the training curves of runs; returns the image's path.

    Example:
        >>> tfseg.plot(run=["runs/first", "runs/second"], output="curves.png")
    """
    from tfseg.curves import plot

    return plot(cfg)


COMMANDS = {
    command.__name__: command
    for command in (train, test, predict, export, serve, convert, inspect, models, plot)
}
