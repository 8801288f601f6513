"""Experiment trackers show a run's figures, images, settings and best checkpoint.

The Keras callbacks of these tools log two figures and no image. Here every tracker gets the same
figures, also by class. To add a tracker, add a class here and a row in TRACKERS.
"""

import json
import math
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfseg import atomic
from tfseg.errors import UserError
from tfseg.training.tensorboard import TensorBoardTracker
from tfseg.training.watching import Images, Scalars, Tracker, reason_of, warn

PROJECT = "tfseg"  # default W&B project and MLflow experiment


class WandbTracker:
    """Logs to Weights & Biases; its variables apply: WANDB_PROJECT, WANDB_MODE=offline, ..."""

    title = "W&B"

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        import wandb

        self.where, self._wandb = "W&B", wandb
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=folder.name,
            id=_remembered(folder, "wandb", lambda: secrets.token_hex(4)),
            resume="allow",
            dir=folder,
            config=config,
            settings=wandb.Settings(silent=True, console="off"),
        )

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        shown = {name: self._wandb.Image(pixels, caption=name) for name, pixels in images.items()}
        self._run.log({**_flat(scalars), **shown}, step=epoch)

    def finish(self, files: list[Path], status: str) -> None:
        if files:
            artifact = self._wandb.Artifact(f"{_plain(self._run.name)}-best", type="model")
            for file in files:
                artifact.add_file(str(file))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=0 if status == "FINISHED" else 1)


class MlflowTracker:
    """Logs to MLflow; its variables apply: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME, ..."""

    title = "MLflow"

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # 7 take minutes
        import mlflow

        self.where = mlflow.get_tracking_uri()
        self._mlflow, self._client = mlflow, mlflow.MlflowClient()
        self._id = _remembered(folder, "mlflow", lambda: self._create(folder.name, config))
        self._client.update_run(self._id, "RUNNING")  # also when a run resumes

    def _create(self, name, config):
        wanted = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(wanted)
        experiment = found.experiment_id if found else self._client.create_experiment(wanted)
        run = self._client.create_run(experiment, run_name=name).info.run_id
        parameter = self._mlflow.entities.Param
        values = [parameter(key, str(value)[:6000]) for key, value in config.items()]
        self._client.log_batch(run, params=values)
        return run

    def write(self, epoch: int, scalars: dict[str, Scalars], images: Images) -> None:
        metric, now = self._mlflow.entities.Metric, int(1000 * time.time())
        flat = _flat(scalars).items()
        metrics = [metric(_plain(name), value, now, epoch) for name, value in flat]
        for start in range(0, len(metrics), 1000):  # the server's limit
            self._client.log_batch(self._id, metrics=metrics[start : start + 1000])
        for name, pixels in images.items():
            self._client.log_image(self._id, pixels, key=_plain(name), step=epoch)

    def finish(self, files: list[Path], status: str) -> None:
        for file in files:
            self._client.log_artifact(self._id, str(file), "best")
        self._client.set_terminated(self._id, status)


def _remembered(folder, name, make):
    """The tracker's id of the run, saved so that a resumed run continues under it."""
    path = folder / "trackers.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    if name not in known:
        known[name] = make()
        atomic.write_json(path, known)
    return known[name]


def _flat(scalars):
    """{"val/miou": ...} of both splits, without NaN and infinity."""
    return {
        f"{split}/{name}": float(value)
        for split, figures in scalars.items()
        for name, value in figures.items()
        if math.isfinite(value)
    }


def _plain(name):
    """The name with only characters that the tools accept."""
    return re.sub(r"[^A-Za-z0-9_\-. /]", "-", name)


TRACKERS = {"wandb": WandbTracker, "mlflow": MlflowTracker, "tensorboard": TensorBoardTracker}


@contextmanager
def opened(names: tuple[str, ...], folder: Path, config: dict[str, Any]) -> Iterator[list[Tracker]]:
    """Opens the trackers `names` for the run in `folder`; at the end they get its files.

    Raises `UserError` if a tracker cannot be reached.
    """
    trackers, status = [], "FAILED"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for name in TRACKERS:  # TensorBoard last, so that a failing server leaves no files
            if name in names:
                trackers.append(_open(name, folder, config))
        yield trackers
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        best = folder / "checkpoints" / "best.weights.h5"
        every = (best, *(folder / f"{n}.json" for n in ("config", "labels", "results")))
        files = [file for file in every if file.exists()] if best.exists() else []
        for tracker in trackers:
            try:
                tracker.finish(files, status)
            except Exception as error:  # training is done, so this must not fail it
                warn(tracker.title, tracker.where, error)


def _open(name, folder, config):
    try:
        return TRACKERS[name](folder, config)
    except Exception as error:  # network, server and library errors have no common class
        raise UserError(
            f"--tracker={name} cannot be reached: {reason_of(error)}; see docs/how-to/trackers.md "
            f"for its setup"
        ) from None
