"""Loads PyTorch checkpoints into networks."""

from collections.abc import Mapping
from functools import partial

import keras
import numpy as np

from tfseg.checkpoints import Checkpoint
from tfseg.checkpoints.prefixes import find_prefix
from tfseg.encoders import ENCODERS, unused_layers
from tfseg.layers.state_dict import KERAS, TORCH, fill, named_variables, rename
from tfseg.models import MODELS


def load_state_dict(
    model: keras.Model,
    mapping: Mapping[str, np.ndarray],
    strict: bool = True,
    skip_head: bool = False,
) -> list[str]:
    """Fills a network with a PyTorch state dict, or raises `UserError` and changes nothing.

    Args:
        model: a network of `tfseg.build` or `tfseg.build_encoder`; its layers have the
            names of the reference's modules.
        mapping: key -> array in PyTorch's layout (OIHW, transposed kernels IOHW). A prefix shared
            by all keys (Lightning's `model.`, DataParallel's `module.`) is removed, with a note;
            `num_batches_tracked`, DenseNet's old names and the names of the reference's own
            project are accepted. Tensors only for training are skipped if the network lacks them:
            an auxiliary head, an encoder's classifier or deeper stages, a loss's weights.
        strict: whether missing and unexpected keys are errors.
        skip_head: whether to skip tensors of another shape, such as a head for other classes. An
            auxiliary head may then be missing.

    Returns:
        What was skipped, one line per key or group of keys; empty if everything fits.

    Raises:
        UserError: for missing or unexpected keys, and for different shapes.

    Example:
        >>> model = tfseg.build("unet", 11, encoder="resnet34")
        >>> tfseg.weights.load_state_dict(model, read_state_dict("unet-resnet34.pth"))
        []
    """
    return load_tensors(model, Checkpoint("torch", dict(mapping)), strict, skip_head)


def load_tensors(
    model: keras.Model,
    checkpoint: Checkpoint,
    strict: bool = True,
    skip_head: bool = False,
    source: str = "checkpoint",
) -> list[str]:
    """As `load_state_dict`, for a checkpoint of any kind; `source` is its name in messages."""
    found, wanted, beside = _matched(model, checkpoint, source, say=print)
    spare = ("fc.", "classifier.", "pre_logits.", "head.") if model.name in ENCODERS else ("aux",)
    unused = unused_layers(model)
    found = {
        k: v
        for k, v in found.items()
        if k in wanted or not (k.startswith(spare) or k.rpartition(".")[0] in unused)
    }
    left = [f"missing {k}" for k in wanted if k.startswith(spare) and k not in found]
    if skip_head and left:
        wanted = {k: v for k, v in wanted.items() if k in found or not k.startswith(spare)}
        beside = [*left, *beside]
    layout = LAYOUTS[checkpoint.layout]
    options = {"strict": strict, "skip_head": skip_head, "layout": layout, "source": source}
    return [*fill(wanted, found, model.name, **options), *beside]


def count_classes(model: keras.Model, checkpoint: Checkpoint | Mapping[str, np.ndarray]) -> int:
    """The number of classes of trained weights; `model` is their network for one class.

    `checkpoint` may also be a PyTorch state dict.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint("torch", dict(checkpoint))
    found, wanted, _ = _matched(model, checkpoint)
    shape_of, _ = LAYOUTS[checkpoint.layout]
    ratios = [
        side // one
        for key, (layer, variable) in wanted.items()
        if key in found and np.ndim(found[key]) == len(variable.shape)
        for side, one in zip(np.shape(found[key]), shape_of(layer, variable.shape), strict=True)
    ]
    return max(ratios, default=1)


LAYOUTS = {"torch": TORCH, "keras": KERAS}


def _matched(model, checkpoint, source="checkpoint", say=lambda line: None):
    """(a checkpoint's tensors by the network's keys, its variables by the same, skipped keys)."""
    if checkpoint.layout == "keras":
        return _of_keras(model, checkpoint.tensors), named_variables(model, {}), []
    wanted = named_variables(model)
    row = MODELS.get(model.name) or ENCODERS.get(model.name)
    table = row.keys if row else ()
    # DataParallel's prefix is on all keys; other prefixes are searched for, and reported.
    state = rename(checkpoint.tensors, ())
    fitting = find_prefix(state, wanted, partial(rename, table=table))
    if fitting.prefix:
        say(f"{source}: the prefix {fitting.prefix} is removed from its keys")
    return fitting.tensors, wanted, fitting.beside


def _of_keras(model, tensors):
    """Keras' weights by name, "conv1.kernel"; the file has the layer's name and a number."""
    named = {
        f"{layer.name}/{number}": f"{layer.name}.{variable.path.rsplit('/', 1)[-1]}"
        for layer in model.layers
        for number, variable in enumerate(layer.weights)
    }
    return {
        named.get(key, key): array
        for key, array in tensors.items()
        if not key.startswith("optimizer/") and "seed_generator" not in key
    }
