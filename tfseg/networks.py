"""Which network a command uses: a run's, or a public checkpoint's, with its labels and settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfseg.checkpoints import SUFFIXES, read_state_dict
from tfseg.config import NetworkConfig, TrainConfig
from tfseg.datasets import get_dataset
from tfseg.errors import UserError
from tfseg.labels import Labels, numbered_labels
from tfseg.models import build
from tfseg.records.split import Records
from tfseg.runs import RunFolder
from tfseg.weights import count_classes, load_state_dict


@dataclass(frozen=True)
class Network:
    """A trained network, and what is known of it.

    Attributes:
        model: Keras model in float32, RGB pixels (N, H, W, 3) in 0..255 -> logits. Mixed precision
            is for training; figures and masks come from float32.
        labels: what its classes mean.
        settings: how it is built, as `build_network` takes it.
        name: what it is called in reports: the run's folder, or the network and its file.
        run: the `RunFolder` that it is from, or None.
    """

    model: keras.Model
    labels: Labels
    settings: TrainConfig | NetworkConfig
    name: str
    run: RunFolder | None = None


def find_network(config: NetworkConfig, labels: Labels | None = None) -> Network:
    """The network that a command's flags name.

    Args:
        config: its `run`, or its `model` and `checkpoint`.
        labels: the classes of `model`, where they are known; else they are `config.dataset`'s, or
            counted in the checkpoint.

    Raises:
        UserError: for flags that exclude each other or that a run has settled, for a run or a
            checkpoint that is none, and one that does not fit.
    """
    if config.model is None:
        for name in config.group("model"):
            if name in config.given:
                raise UserError(
                    f"--{name}={getattr(config, name)} goes with --model; a run has its own: "
                    f"leave it out"
                )
        return load_run(config.run, config.checkpoint)
    if config.run:
        raise UserError(f"--model={config.model} beside --run={config.run}; give one of them")
    if config.checkpoint is None:
        raise UserError(f"--model={config.model} needs --checkpoint=FILE with its weights")
    if labels is None and config.dataset:
        spec = get_dataset(config.dataset)
        labels = Labels(spec.name, spec.classes, spec.colors)
    with precision("float32"):
        labels = labels or numbered_labels(config.model, _count_classes(config))
        model = build_network(config, len(labels.classes))
    load_checkpoint(model, config.checkpoint)
    return Network(model, labels, config, f"{config.model} of {config.checkpoint}")


def load_run(run: str | Path | RunFolder | None, checkpoint: Path | None = None) -> Network:
    """A run's network with its best weights, or with those of another checkpoint."""
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    config, labels = run.config(), run.labels()
    with precision("float32"):
        model = build_network(config, len(labels.classes))
    load_checkpoint(model, checkpoint or run.best)
    return Network(model, labels, config, str(run.path), run)


def _count_classes(config):
    return count_classes(build_network(config, 1), read_state_dict(config.checkpoint))


def check_labels(records: Records, labels: Labels, name: str) -> None:
    """Raises `UserError` where records do not have the classes that `name` was trained on."""
    wanted, found = labels.classes, tuple(records.info.classes)
    if found != wanted:
        raise UserError(
            f"{records.path} has {len(found)} classes ({', '.join(found[:3])}, ...), but {name} "
            f"was trained on {len(wanted)} ({', '.join(wanted[:3])}, ...); give --input the "
            f"records it was trained on"
        )


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute in `policy`; the rest of the process keeps its own."""
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(kept)


def build_network(config: TrainConfig | NetworkConfig, num_classes: int, **options: Any):
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


def logits_alone(network: keras.Model) -> keras.Model:
    """A network without its auxiliary output: what is validated, kept and shipped."""
    if not isinstance(network.output, dict):
        return network
    return keras.Model(network.inputs, network.output["logits"], name=network.name)


def load_checkpoint(network: keras.Model, path: Path, skip_head: bool = False) -> list[str]:
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
