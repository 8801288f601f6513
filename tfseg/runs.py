"""The folder of a run: its config, labels and checkpoints, and the network they make."""

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.models import build

BEST = "best.weights.h5"  # weights alone; the best on val, averaged where --ema is on


@dataclass(frozen=True)
class Labels:
    """What the numbers in a mask mean: class names, and RGB colours in 0..255."""

    dataset: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]


class RunFolder:
    """`config.json`, `labels.json`, `checkpoints/`, `results.json`.

    `checkpoints/last.json` names the newest `step-*.weights.h5`, which holds the optimizer's state
    too; it is replaced only when that file is whole, so a killed run always resumes.
    """

    def __init__(self, path):
        if path is None:
            raise UserError(f"which run? --run=FOLDER{_newest()}")
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / BEST

    def create(self, config, labels):
        if self.best.exists() or self.last():  # a run that never got so far may be begun anew
            raise UserError(
                f"--savedir={self.path} holds a run; continue it with --resume={self.path}, "
                f"or choose another folder"
            )
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.write_json("labels.json", asdict(labels))
        config.save(self.path / "config.json")

    def config(self):
        return TrainConfig.load(self.path / "config.json")

    def labels(self):
        values = json.loads((self.path / "labels.json").read_text())
        colors = tuple(map(tuple, values["colors"]))
        return Labels(values["dataset"], tuple(values["classes"]), colors)

    def save_best(self, network):
        """`network` must not be compiled, or the optimizer's state would come along."""
        _write_weights(network, self.best)

    def save_last(self, model, state, keep):
        """Saves weights and optimizer at `state["step"]`, then drops all but `keep` older ones."""
        name = f"step-{state['step']:07d}.weights.h5"
        _write_weights(model, self.checkpoints / name)
        _write_text(self.checkpoints / "last.json", json.dumps({**state, "weights": name}))
        kept = sorted(self.checkpoints.glob("step-*.weights.h5"))
        for old in [] if keep == "all" else kept[:-keep]:
            old.unlink()

    def last(self):
        """The state that `save_last` saved last, or None before the first."""
        path = self.checkpoints / "last.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write_json(self, name, values):
        _write_text(self.path / name, json.dumps(values, indent=2) + "\n")


def _write_weights(model, path):
    partial = path.with_name("." + path.name)
    model.save_weights(partial)
    os.replace(partial, path)


def _write_text(path, text):
    partial = path.with_name("." + path.name)
    partial.write_text(text)
    os.replace(partial, path)


def _newest():
    runs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    return f"; the newest is --run={runs[-1].parent}" if runs else ""


@contextmanager
def precision(policy):
    """Layers made inside compute in `policy`; the rest of the process keeps its own."""
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(kept)


def build_network(config, num_classes):
    """The network a run's config describes, at any input size, with fresh weights."""
    options = {"encoder": config.encoder} if config.encoder else {}
    return build(config.model, num_classes, normalization=config.normalization, **options)


def load_network(run, checkpoint=None):
    """A `RunFolder`'s network in float32, with its best weights or those of another checkpoint.

    Mixed precision is for training; figures and masks come from float32.
    """
    config = run.config()
    with precision("float32"):
        network = build_network(config, len(run.labels().classes))
    load_checkpoint(network, checkpoint or run.best, config.model)
    return network


def load_checkpoint(network, path, model_name):
    """Fills `network` from a run (its best), a `.weights.h5` or a `.keras` file, or raises."""
    path = Path(path)
    if path.is_dir():
        other = RunFolder(path).config().model
        if other != model_name:
            raise UserError(f"{path} is a run of {other}, not of {model_name}")
        path = RunFolder(path).best
    if not path.exists():
        raise UserError(f"checkpoint {path} does not exist")
    if not path.name.endswith((".weights.h5", ".keras")):
        raise UserError(f"checkpoint {path}: wanted a run folder, a .weights.h5 or a .keras file")
    try:
        if path.suffix == ".keras":
            network.set_weights(keras.models.load_model(path, compile=False).get_weights())
        else:
            network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        classes = network.output_shape[-1]
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"checkpoint {path} does not fit {model_name} with {classes} classes: {reason}"
        ) from None
