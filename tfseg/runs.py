"""The folder of a run: its config, labels and checkpoints, and a lock for training."""

import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

from tfseg import atomic
from tfseg.checkpoints import save_weights
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.labels import Labels, read_labels

BEST = "best.weights.h5"  # only weights; the best on val, averaged with --ema
LOCK = ".lock"
WRITTEN = ("config.json", "labels.json", "results.json")  # only training writes these
STEP = re.compile(r"step-(\d{7,})\.weights\.h5")


class RunFolder:
    """`config.json`, `labels.json`, `checkpoints/`, `results.json`.

    `checkpoints/last.json` names the newest `step-*.weights.h5`, which includes the optimizer's
    state; it is replaced only when that file is complete, so a killed run always resumes.

    Attributes:
        scratch: folder for files that the run does not need.
    """

    def __init__(self, path):
        if path is None:
            raise UserError(f"which run? --run=FOLDER{_newest()}")
        self.path = self.scratch = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / BEST

    @classmethod
    def new(cls, dataset: str, model: str) -> Self:
        """Creates a new folder in `runs` with a unique name."""
        name = f"{dataset}-{model}-{time.strftime('%Y%m%d-%H%M%S')}"
        number = 1
        while True:
            path = Path("runs") / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(parents=True)
                return cls(path)
            except FileExistsError:
                number += 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Locks the run for this process, and removes partial files of a killed one.

        Raises `UserError` if another process is training it.
        """
        busy = (
            f"another process is training {self.path}; wait for it to end, "
            f"or choose another --savedir"
        )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UserError(f"--savedir={self.path} is a file; wanted a folder") from None
        try:
            with atomic.held(self.path / LOCK, busy):
                atomic.remove_partials(self.checkpoints)
                for name in WRITTEN:
                    atomic.remove_partials(self.path, name)
                yield
        finally:
            with suppress(OSError):  # removes the folder only if it is empty
                self.path.rmdir()

    def require_new(self):
        """Raises `UserError` if the folder holds a run that can be resumed."""
        if self.last():
            raise UserError(
                f"--savedir={self.path} holds a run; continue it with --resume={self.path}, "
                f"or choose another folder"
            )

    def create(self, config, labels):
        """Starts the run; removes files of a run that was killed before its first checkpoint."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        for old in (self.best, *self._steps()):
            old.unlink(missing_ok=True)
        atomic.write_json(self.path / "labels.json", asdict(labels))
        self.save_config(config)

    def config(self):
        return TrainConfig.load(self.path / "config.json")

    def save_config(self, config):
        config.save(self.path / "config.json")

    def labels(self):
        path = self.path / "labels.json"
        values = read_labels(path)
        if not isinstance(values.get("dataset"), str):
            raise UserError(f"{path}: dataset is {values.get('dataset')!r}; wanted text")
        colors = tuple(map(tuple, values["colors"]))
        return Labels(values["dataset"], tuple(values["classes"]), colors)

    def thresholds(self, task, labels):
        """The thresholds of a `Decision`, tuned on val; empty if the task or the run has none."""
        if task == "multiclass":
            return ()

        def read(results):
            found = tuple(results["thresholds"][name] for name in labels.decided(task))
            if not all(type(number) is float and 0 < number < 1 for number in found):
                raise ValueError(f"they are {found}; wanted numbers between 0 and 1")
            return found

        return self._read_results("thresholds", read, "use 0.5") or ()

    def correction(self, labels):
        """What to subtract from a bias, see `tfseg.training.prior`: (layer, numbers), or None."""

        def read(results):
            if "prior_correction" not in results:
                return None
            found = results["prior_correction"]
            layer, bias = found["layer"], found["bias"]
            numbers = all(type(number) is float and math.isfinite(number) for number in bias)
            if type(layer) is not int or not numbers or len(bias) % len(labels.classes):
                raise ValueError(f"it is {found}; wanted a layer and numbers for each class")
            return layer, bias

        return self._read_results("prior_correction", read, "go without")

    def _read_results(self, what, read, otherwise):
        """What `read` makes of `results.json`; None without the file."""
        path = self.path / "results.json"
        if not path.exists():
            return None
        try:
            return read(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
            raise UserError(
                f"{path} has no usable {what} ({error!r}); delete the file to {otherwise}"
            ) from None

    def save_best(self, network):
        """Saves the best weights; `network` must not be compiled, or its optimizer is saved too."""
        self._save(network, self.best)

    def save_last(self, model, state, keep):
        """Saves weights and optimizer at `state["step"]`; keeps the newest `keep` checkpoints."""
        path = self._step_file(state["step"])
        self._save(model, path)
        atomic.write_json(self.checkpoints / "last.json", {**state, "weights": path.name})
        every = self._steps()
        older, later = every[: every.index(path)], every[every.index(path) + 1 :]
        if keep != "all":
            older = older[: max(0, len(older) - keep + 1)]
            for old in [*older, *later]:  # a kill before writing `last.json` leaves a later one
                old.unlink()

    def _save(self, model, path):
        try:
            with atomic.file(path) as partial:
                save_weights(model, partial)
        except UserError as error:  # a full disk
            state = self.last()
            kept = f"the run is kept at step {state['step']}" if state else "no checkpoint yet"
            raise UserError(f"{error.typed} ({kept}), then train --resume={self.path}") from None

    def _step_file(self, step):
        return self.checkpoints / f"step-{step:07d}.weights.h5"

    def _steps(self):
        """The checkpoints, oldest first."""
        found = self.checkpoints.glob("step-*.weights.h5")
        return sorted((p for p in found if STEP.fullmatch(p.name)), key=_step)

    def last(self):
        """The last state of `save_last`, or None before the first."""
        path = self.checkpoints / "last.json"
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(path, error) from None
        if not isinstance(state, dict):
            raise _damaged(path, "wanted an object")
        for key, sound in _STATE.items():
            if not sound(state.get(key)):
                raise _damaged(path, f"{key} is {state.get(key)!r}")
        return state


def _is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


_STATE = {
    "step": lambda value: type(value) is int and 0 <= value < 2**62,
    "best_miou": _is_number,
    "weights": lambda value: isinstance(value, str) and bool(STEP.fullmatch(value)),
}


def _damaged(path, reason):
    return UserError(
        f"{path} is damaged ({reason}); start a new run from its weights, "
        f"e.g. train --checkpoint={path.parent.parent}"
    )


def _step(path):
    return int(STEP.fullmatch(path.name)[1])


def find_run(name: str | Path, flag: str = "run") -> Path:
    """The folder that a run's flag names: `last` is the newest in `runs`, `best` the best.

    The best has the highest mIoU on val in its `results.json`. It prints the choice. A file or
    folder of that name has priority. Raises `UserError` if there is no run.
    """
    path = Path(name)
    if str(name) not in ("last", "best") or path.exists():
        return path
    runs = _runs()
    if not runs:
        where = Path("runs").absolute()
        raise UserError(f"--{flag}={name}: {where} has no run; train one, or give its folder")
    if str(name) == "last":
        print(f"--{flag}=last is {runs[-1]}")
        return runs[-1]
    scored = {run: miou for run in runs if (miou := _miou(run)) is not None}
    if not scored:
        raise UserError(
            f"--{flag}=best: no run in runs has a results.json, which training writes at its end"
        )
    best = max(scored, key=scored.get)
    print(f"--{flag}=best is {best}, val mIoU {scored[best]:.3f}")
    return best


def _runs():
    """The runs in `runs`, newest last."""
    configs = Path("runs").glob("*/config.json")
    return [path.parent for path in sorted(configs, key=lambda path: path.stat().st_mtime)]


def _miou(run):
    """A run's mIoU on val; None if the run is not finished."""
    try:
        miou = json.loads((run / "results.json").read_text(encoding="utf-8"))["miou"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None
    return miou if _is_number(miou) else None


def _newest():
    runs = _runs()
    return f"; the newest is --run={runs[-1]}, or --run=last" if runs else ""
