"""The commands; each calls the module that does the work.

The command line passes flags as text; in Python the same flags are keyword arguments:
`tfseg.train(input="records", epochs=3)`.
"""

import dataclasses
import inspect as inspection
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tfseg import config
from tfseg.errors import UserError, require, unknown
from tfseg.flags import Config

if TYPE_CHECKING:
    import keras

    from tfseg.doctor.issues import Finding

Result = TypeVar("Result")


class Command(Generic[Result]):
    """Wraps a function of a config so that it takes the config's flags as keyword arguments."""

    def __init__(self, work: Callable[[Any], Result], config: type[Config]) -> None:
        self.work, self.config = work, config
        self.__name__ = self.__qualname__ = work.__name__
        self.__module__ = work.__module__
        self.__doc__ = f"{inspection.cleandoc(work.__doc__)}\n\nArgs:\n{_arguments(config)}"
        _, *self._others = inspection.signature(work).parameters.values()  # only for Python
        self.__signature__ = inspection.Signature(
            [
                inspection.Parameter(
                    f.name,
                    inspection.Parameter.KEYWORD_ONLY,
                    default=f.default,
                    annotation=f.type,
                )
                for f in dataclasses.fields(config)
            ]
            + [other.replace(kind=inspection.Parameter.KEYWORD_ONLY) for other in self._others],
            return_annotation=work.__annotations__["return"],
        )

    def __call__(self, **options: Any) -> Result:
        others = {o.name: options.pop(o.name) for o in self._others if o.name in options}
        config = self.config.of(**options)
        cluster = getattr(config, "ray", None)
        if cluster and any(others.values()):
            raise UserError(f"--ray={cluster}: callbacks do not run on a cluster; leave them out")
        if cluster not in (None, "auto"):
            return self._elsewhere(config)
        with self.configured(**options) as config:
            return self.work(config, **others)

    def _elsewhere(self, config):
        """Runs the command on the cluster at `--ray`, which fetches the inputs itself."""
        config.check()
        from tfseg.cluster.elsewhere import run

        return run(partial(_call, self.__name__), config)

    @contextmanager
    def configured(self, **options: Any) -> Iterator[Config]:
        """Yields the checked config of options; inside, remote inputs have local copies.

        Raises `UserError` before TensorFlow loads.
        """
        from tfseg import storage  # these need NumPy, which `--help` does not
        from tfseg.checks import checked

        config = self.config.of(**options)
        config.check()  # before anything is fetched
        with storage.local(config):
            yield checked(config)


def _call(name, **flags):
    return COMMANDS[name](**flags)


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
def train(cfg, callbacks: "Sequence[keras.callbacks.Callback]" = ()) -> Path:
    """Trains a network, or continues the run `resume`; returns the run's folder.

    `callbacks` are Keras callbacks. They get the logs of every epoch: loss, miou, pixel_accuracy,
    and the same with val_. A new `fit` starts after an interrupted epoch and after `freeze_epochs`.

    Raises:
        UserError: if an option is wrong or the data cannot be used.

    Example:
        >>> run = tfseg.train(input="records", epochs=3)
        >>> tfseg.load(run).predict("photo.jpg")
    """
    if cfg.ray:
        from tfseg.cluster.training import train

        return train(cfg)
    from tfseg.training.callbacks import check_callbacks
    from tfseg.training.fit import resume, train

    check_callbacks(callbacks)
    return resume(cfg, callbacks) if cfg.resume else train(cfg, callbacks)


@_command(config.TestConfig)
def test(cfg) -> dict[str, Any]:
    """Scores a network, an export or predicted masks; returns the figures, from 0 to 1.

    Writes the same figures to `test-<split>.json`, with images and, on request, a report. With
    `tune`, compares test-time options instead and writes `tune-<split>.json`.

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
    if cfg.ray:
        from tfseg.cluster.prediction import predict
    else:
        from tfseg.prediction.predict import predict
    return predict(cfg)


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
        serve(cfg if cfg.export else cfg.replace(export=_exported(cfg)))


def _exported(cfg):
    """The folder with an export of the run or model of `serve`; exports unless one is current."""
    from tfseg.hub_runs import is_on_hub
    from tfseg.pretrained import PRETRAINED
    from tfseg.runs import RunFolder
    from tfseg.serving.folder import list_versions

    if cfg.model and cfg.model not in PRETRAINED and not is_on_hub(cfg.model):
        raise unknown("trained network", cfg.model, PRETRAINED)
    folder = Path("exports", Path(cfg.model or cfg.run.resolve()).name)
    newest, path = next(iter(list_versions(folder)), (0, None))
    trained = RunFolder(cfg.run).best.stat().st_mtime if cfg.run else 0
    if path is None or path.stat().st_mtime < trained:
        export(model=cfg.model, run=cfg.run, output=folder / str(newest + 1))
    return folder


@_command(config.PushConfig)
def push(cfg) -> str:
    """Uploads a run to the Hugging Face hub; returns the name that `tfseg.load` takes.

    Example:
        >>> name = tfseg.push(run="runs/first", repo="me/streets-linknet")
        >>> tfseg.load(name).predict("photo.jpg")
    """
    from tfseg.hub import push

    return push(cfg)


@_command(config.ConvertConfig)
def convert(cfg) -> Path:
    """Turns a raw data set into records; returns their folder.

    Example:
        >>> tfseg.convert(dataset="camvid", source="CamVid", output="records-camvid")
    """
    from tfseg.datasets import DATASETS, get_dataset
    from tfseg.datasets.download import download
    from tfseg.records.convert import convert

    if cfg.dataset is None:
        raise UserError(f"convert needs --dataset, one of {', '.join(DATASETS)}")
    spec = get_dataset(cfg.dataset, cfg.source, **cfg.group("dataset"))
    source = download(spec, cfg.source) if cfg.download else cfg.source
    conversion = cfg.group("conversion")
    if cfg.ray:
        from tfseg.cluster.connection import connected
        from tfseg.cluster.items import parallel

        with connected(cfg.ray):
            return convert(spec, source, cfg.output, **conversion, parallel=parallel)
    return convert(spec, source, cfg.output, **conversion)


@_command(config.InspectConfig)
def inspect(cfg) -> "list[Finding]":
    """Prints what records or a raw folder hold; returns their problems.

    With `verify`, checks records against their checksums instead; with `draft`, drafts a table of
    classes for a raw folder; with `augment`, draws frames as training sees them.

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
    """Prints the networks with their costs, or one network stage by stage."""
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
    for command in (train, test, predict, export, serve, push, convert, inspect, models, plot)
}
