"""Finds the network of a command: a run's or a public one, with its labels and settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from tfseg.checkpoints import Checkpoint, read_checkpoint
from tfseg.config import NetworkConfig, TrainConfig
from tfseg.datasets import get_dataset
from tfseg.decision import Decision
from tfseg.errors import UserError, unknown
from tfseg.hub_runs import fetch_run, is_on_hub
from tfseg.labels import Labels, labels_of, numbered_labels
from tfseg.models import MODELS, build
from tfseg.pretrained import PRETRAINED, check_settings, fetch_pretrained
from tfseg.records.split import Records
from tfseg.runs import RunFolder
from tfseg.weights import count_classes, load_tensors

# Flags for some networks; `tfseg.build` refuses them for others.
OPTIONS = (
    "output_stride",
    "encoder_depth",
    "decoder_channels",
    "decoder_attention",
    "decoder_interpolation",
    "merge_policy",
)


@dataclass(frozen=True)
class Network:
    """A trained network with its classes and settings.

    Attributes:
        model: Keras model in float32, RGB pixels (N, H, W, 3) in 0..255 -> logits. Mixed precision
            is only for training; metrics and masks use float32.
        labels: its classes and their colours.
        settings: the config to build it, see `build_network`.
        name: its name in reports: the run's folder, or the network and its file.
        run: its `RunFolder`, or None.
        thresholds: thresholds of its `Decision`.
    """

    model: keras.Model
    labels: Labels
    settings: TrainConfig | NetworkConfig
    name: str
    run: RunFolder | None = None
    thresholds: tuple[float, ...] = ()

    @property
    def decision(self) -> Decision:
        return Decision(self.settings.task, self.thresholds)


def find_network(config: NetworkConfig, labels: Labels | None = None) -> Network:
    """The network that a command's flags name.

    Args:
        config: names `run`, `model` and `checkpoint`, or a row of `PRETRAINED` as `model`.
        labels: the classes of `model`, if known; else those of `config.dataset`, or numbered
            classes, as many as the checkpoint has.

    Raises:
        UserError: for flags that exclude each other or that the run defines, for an invalid run or
            checkpoint, and for a checkpoint that does not fit.
    """
    config.check()
    if config.model is None:
        return with_thresholds(load_run(config.run, config.checkpoint), config.threshold)
    if is_on_hub(config.model):
        return with_thresholds(_from_hub(config), config.threshold)
    if config.model in PRETRAINED:
        return with_thresholds(_pretrained(config), config.threshold)
    if config.model not in MODELS:
        raise unknown("network", config.model, [*MODELS, *PRETRAINED])
    if config.checkpoint is None:
        raise UserError(
            f"--model={config.model} needs --checkpoint=FILE with its weights; "
            f"`models --pretrained` lists networks with weights"
        )
    if labels is None and config.dataset:
        labels = labels_of(get_dataset(config.dataset), config.task)
    file = _file(config.checkpoint, config.model)
    checkpoint = read_checkpoint(file)
    with precision("float32"):
        if labels is None:
            classes = count_classes(build_network(config, 1), checkpoint)
            config = config.replace(task="binary") if classes == 1 else config
            labels = numbered_labels(config.model, max(2, classes))
        model = build_network(config, len(labels.classes))
    _say(file, _fill(model, file, checkpoint))
    network = Network(model, labels, config, f"{config.model} of {config.checkpoint}")
    return with_thresholds(network, config.threshold)


def with_thresholds(network: Network, given: tuple[float, ...] | None) -> Network:
    """The network with the thresholds of a command, if any are given."""
    if given is None:
        return network
    if network.settings.task == "multiclass":
        text = ",".join(f"{number:g}" for number in given)
        raise UserError(f"--threshold={text}: {network.name} is multiclass; leave it out")
    if not all(0 < number < 1 for number in given):
        raise UserError(f"threshold={given}: wanted numbers between 0 and 1")
    logits = network.model.output_shape[-1]
    if len(given) not in (1, logits):
        raise UserError(f"--threshold has {len(given)} numbers; wanted one, or {logits}")
    return replace(network, thresholds=tuple(given))


def load_hub(name: str, checkpoint: Path | None = None) -> Network:
    """The network of a run on the Hugging Face hub, such as "hf://user/name"."""
    return replace(load_run(fetch_run(name), checkpoint), name=name, run=None)


def _from_hub(config):
    check_settings(config)
    return load_hub(config.model, config.checkpoint)


def _pretrained(config):
    """A public network by name, with its own weights or those of a file."""
    name, row = config.model, PRETRAINED[config.model]
    check_settings(config)
    config = config.replace(**row.settings)
    file = config.checkpoint or fetch_pretrained(name, "model")
    labels = row.labels()
    with precision("float32"):
        model = build_network(config, len(labels.classes))
    _say(file, load_checkpoint(model, file))
    return Network(model, labels, config, name)


def load_run(run: str | Path | RunFolder | None, checkpoint: Path | None = None) -> Network:
    """A run's network with its best weights, or with those of another checkpoint.

    `run` may also be a checkpoint inside a run, which provides settings and classes.
    """
    if run is not None and not isinstance(run, RunFolder) and not Path(run).is_dir():
        run, checkpoint = _run_around(Path(run)), checkpoint or Path(run)
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    config, labels = run.config(), run.labels()
    with precision("float32"):
        model = build_network(config, len(labels.classes))
    file = checkpoint or run.best
    _say(file, load_checkpoint(model, file))
    if Path(file).absolute().parent == run.checkpoints.absolute():
        try:
            correct(model, run.correction(labels))
        except (IndexError, AttributeError, ValueError):
            raise UserError(
                f"{run.path / 'results.json'}: prior_correction does not fit the network; delete "
                f"the file to go without"
            ) from None
    return Network(model, labels, config, str(run.path), run, run.thresholds(config.task, labels))


def correct(model: keras.Model, correction: tuple[str, Sequence[float]] | None) -> None:
    """Subtracts a `RunFolder.correction` from the bias of a layer, given by its index: names that
    Keras makes up differ between processes."""
    if correction:
        layer, bias = correction
        model.layers[layer].bias.assign_sub(bias)


def _run_around(file):
    """The run that holds a checkpoint. Raises `UserError` if no run does."""
    if not file.is_file():
        return file  # `RunFolder` reports that it is not a run
    around = file.absolute().parent.parent
    if file.absolute().parent.name == "checkpoints" and (around / "config.json").exists():
        return around
    raise UserError(
        f"{file} is a checkpoint, which does not say how its network is built or what its classes "
        f"are: give its run, or --model=NAME --checkpoint={file}"
    )


def _say(file, left):
    for line in left:
        print(f"left out of {file}: {line}")


def check_labels(records: Records, labels: Labels, task: str, name: str) -> None:
    """Raises `UserError` if records lack the classes that `name` was trained on."""
    wanted, found = labels.classes, labels_of(records.info, task).classes
    if found != wanted:
        raise UserError(
            f"{records.path} has {len(found)} classes ({', '.join(found[:3])}, ...), but {name} "
            f"was trained on {len(wanted)} ({', '.join(wanted[:3])}, ...); give --input the "
            f"records it was trained on"
        )


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers created inside compute in `policy`; the process's policy is restored after."""
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(kept)


def build_network(config: TrainConfig | NetworkConfig, num_classes: int, **options: Any):
    """Builds the network of a config, for any input size; `options` are those of `tfseg.build`.

    Raises `UserError` for a binary network with more than two classes.
    """
    if config.task == "binary":
        if num_classes > 2:
            raise UserError(
                f"--task=binary: wanted background and one class; there are {num_classes} classes"
            )
        num_classes = 1
    given = {name: getattr(config, name) for name in OPTIONS}
    options |= {name: value for name, value in given.items() if value}
    return build(
        config.model,
        num_classes,
        encoder=config.encoder,
        normalization=config.normalization,
        **options,
    )


def logits_alone(network: keras.Model) -> keras.Model:
    """A network without its auxiliary outputs, which only training uses."""
    if not isinstance(network.output, dict):
        return network
    return keras.Model(network.inputs, network.output["logits"], name=network.name)


def load_checkpoint(network: keras.Model, path: Path, skip_head: bool = False) -> list[str]:
    """Loads weights into `network` from a file or a run's best checkpoint. Raises `UserError`.

    Files are those of Keras or PyTorch that `tfseg.checkpoints` reads. A compiled network also
    gets its optimizer's state, which must be complete. With `skip_head`, a head for another
    number of classes keeps its weights.

    Returns:
        The keys that were skipped, one line each.
    """
    file = _file(path, network.name)
    return _fill(network, file, read_checkpoint(file), skip_head)


def _file(path, model):
    """The file of a checkpoint's path; for a run of this network, its best checkpoint."""
    path = Path(path)
    if not (path / "config.json").is_file() or not (path / "checkpoints").is_dir():
        return path
    other = RunFolder(path).config().model
    if other != model:
        raise UserError(f"{path} is a run of {other}, not of {model}")
    return RunFolder(path).best


def _fill(network, file, checkpoint: Checkpoint, skip_head=False):
    for note in checkpoint.notes:
        print(f"checkpoint {file}: {note}")
    if getattr(network, "optimizer", None) is not None:
        return _restore(network, file, checkpoint)
    return load_tensors(network, checkpoint, skip_head=skip_head, source=f"checkpoint {file}")


def _restore(network, file, checkpoint):
    """Restores weights and the states of optimizer and random layers."""
    wanted = {f"optimizer/{i}": v.shape for i, v in enumerate(network.optimizer.variables)}
    found = {key: checkpoint.tensors[key].shape for key in wanted if key in checkpoint.tensors}
    if checkpoint.layout != "keras" or found != wanted:
        raise UserError(
            f"checkpoint {file} holds the state of another optimizer, or of --ema in an earlier "
            f"version; start a new run from its weights: train --checkpoint={file}"
        )
    try:
        network.load_weights(file)  # Keras' reader, on a file that was checked
    except (ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"checkpoint {file} does not fit {network.name}: {reason}") from None
    return []
