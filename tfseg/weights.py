"""Public PyTorch checkpoints -> Keras: one function for every network."""

import numpy as np

from tfseg.encoders import ENCODERS
from tfseg.layers.state_dict import fill, named_variables, rename, torch_shape
from tfseg.models import MODELS


def load_state_dict(model, mapping, strict=True, skip_head=False):
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
    """
    found, wanted = _renamed(model, mapping), named_variables(model)
    spare = ("fc.", "classifier.", "pre_logits.", "head.") if model.name in ENCODERS else ("aux",)
    found = {k: v for k, v in found.items() if k in wanted or not k.startswith(spare)}
    return fill(wanted, found, model.name, strict=strict, skip_head=skip_head)


def count_classes(model, mapping):
    """How many classes a state dict was trained on; `model` is its network, built for one."""
    found = _renamed(model, mapping)
    ratios = [
        side // one
        for key, (_, variable) in named_variables(model).items()
        if key in found and np.ndim(found[key]) == len(variable.shape)
        for side, one in zip(np.shape(found[key]), torch_shape(variable.shape), strict=True)
    ]
    return max(ratios, default=1)


def _renamed(model, mapping):
    architecture = MODELS.get(model.name)
    return rename(mapping, architecture.keys if architecture else ())
