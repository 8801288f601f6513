"""Public PyTorch checkpoints -> Keras: one function for every network."""

from collections.abc import Mapping

import keras
import numpy as np

from tfseg.encoders import ENCODERS
from tfseg.layers.state_dict import fill, named_variables, rename, torch_shape
from tfseg.models import MODELS


def load_state_dict(
    model: keras.Model,
    mapping: Mapping[str, np.ndarray],
    strict: bool = True,
    skip_head: bool = False,
) -> list[str]:
    """Fills a network with a PyTorch state dict, or raises `UserError` and changes nothing.

    Args:
        model: a network of `tfseg.build` or `tfseg.build_encoder`; its layers bear the
            reference's module paths.
        mapping: key -> array in PyTorch's layout (OIHW, transposed kernels IOHW). A `module.`
            prefix (DataParallel), `num_batches_tracked`, DenseNet's old spelling and the spelling
            of the reference's own project are understood. What serves training alone is left out
            where the network lacks it: an auxiliary head, an encoder's classifier.
        strict: whether missing and unexpected keys are errors.
        skip_head: whether tensors of another shape are left as they are: a head for other classes.

    Returns:
        What was left out, one line a key; nothing where all of it fits.

    Raises:
        UserError: for keys that are missing or unexpected, and shapes that differ.

    Example:
        >>> model = tfseg.build("unet", 11, encoder="resnet34")
        >>> tfseg.weights.load_state_dict(model, read_state_dict("unet-resnet34.pth"))
        []
    """
    found, wanted = _renamed(model, mapping), named_variables(model)
    spare = ("fc.", "classifier.", "pre_logits.", "head.") if model.name in ENCODERS else ("aux",)
    found = {k: v for k, v in found.items() if k in wanted or not k.startswith(spare)}
    return fill(wanted, found, model.name, strict=strict, skip_head=skip_head)


def count_classes(model: keras.Model, mapping: Mapping[str, np.ndarray]) -> int:
    """How many classes a state dict was trained on; `model` is its network, built for one."""
    found = _renamed(model, mapping)
    ratios = [
        side // one
        for key, (layer, variable) in named_variables(model).items()
        if key in found and np.ndim(found[key]) == len(variable.shape)
        for side, one in zip(np.shape(found[key]), torch_shape(layer, variable.shape), strict=True)
    ]
    return max(ratios, default=1)


def _renamed(model, mapping):
    row = MODELS.get(model.name) or ENCODERS.get(model.name)
    return rename(mapping, row.keys if row else ())
