"""The folder of a run: its config, labels and checkpoints, and the network they make."""

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from tfseg.checkpoints import SUFFIXES, read_state_dict
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.models import build
from tfseg.weights import count_classes, load_state_dict

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
        write_json(self.path / "labels.json", asdict(labels))
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


def write_json(path, values):
    """Writes JSON, whole or not at all."""
    _write_text(path, json.dumps(values, indent=2) + "\n")


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


def build_network(config, num_classes, **options):
    """The network that a config describes, at any input size; `options` as in `tfseg.build`."""
    if config.output_stride:
        options["output_stride"] = config.output_stride
    return build(
        config.model,
        num_classes,
        encoder=config.encoder,
        normalization=config.normalization,
        **options,
    )


def logits_alone(network):
    """A network without its auxiliary output: what is validated, kept and shipped."""
    if not isinstance(network.output, dict):
        return network
    return keras.Model(network.inputs, network.output["logits"], name=network.name)


def load_network(run, checkpoint=None):
    """A `RunFolder`'s network in float32, with its best weights or those of another checkpoint.

    Mixed precision is for training; figures and masks come from float32.
    """
    config = run.config()
    with precision("float32"):
        network = build_network(config, len(run.labels().classes))
    load_checkpoint(network, checkpoint or run.best)
    return network


def load_public_network(config, num_classes=None):
    """The network of `--model` and `--checkpoint` (a `TestConfig` or `PredictConfig`), in float32.

    Its classes are counted in the checkpoint where `num_classes` does not say them.
    """
    if config.run:
        raise UserError(f"--model={config.model} beside --run={config.run}; give one of them")
    if config.checkpoint is None:
        raise UserError(f"--model={config.model} needs --checkpoint=FILE with its weights")
    with precision("float32"):
        if num_classes is None:
            one = build_network(config, 1)
            num_classes = count_classes(one, read_state_dict(config.checkpoint))
        network = build_network(config, num_classes)
    load_checkpoint(network, config.checkpoint)
    return network


def load_checkpoint(network, path, skip_head=False):
    """Fills `network` from a file or a run (its best), or raises `UserError`.

    Files are `.weights.h5`, `.keras`, or PyTorch's (`tfseg.checkpoints`). With `skip_head` a
    PyTorch head for another number of classes is left out; its keys are returned.
    """
    path = Path(path)
    if path.is_dir():
        other = RunFolder(path).config().model
        if other != network.name:
            raise UserError(f"{path} is a run of {other}, not of {network.name}")
        path = RunFolder(path).best
    if not path.exists():
        raise UserError(f"checkpoint {path} does not exist")
    if path.suffix in SUFFIXES:
        return load_state_dict(network, read_state_dict(path), skip_head=skip_head)
    if not path.name.endswith((".weights.h5", ".keras")):
        raise UserError(
            f"checkpoint {path}: wanted a run folder, or a file that ends in .weights.h5, .keras, "
            f"{', '.join(SUFFIXES)}"
        )
    try:
        if path.suffix == ".keras":
            network.set_weights(keras.models.load_model(path, compile=False).get_weights())
        else:
            network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        classes = logits_alone(network).output_shape[-1]
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"checkpoint {path} does not fit {network.name} with {classes} classes: {reason}"
        ) from None
    return []
