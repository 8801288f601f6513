"""Public PyTorch checkpoints -> Keras: one function for every network."""

import re

import numpy as np

from tfseg.errors import UserError
from tfseg.models import KEYS


def load_state_dict(model, mapping):
    """Fills a network with a PyTorch state dict, or raises `UserError` and changes nothing.

    Args:
        model: a network of `tfseg.build`; its layers bear the reference's module paths.
        mapping: key -> array in PyTorch's layout (OIHW, transposed kernels IOHW). A `module.`
            prefix (DataParallel) and `num_batches_tracked` are understood.
    """
    found = _rename(mapping, KEYS.get(model.name, ()))
    wanted = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer.weights:
            key, order = _torch_key(variable.path.rsplit("/", 1)[-1], len(variable.shape))
            wanted[f"{layer.name}.{key}"] = (variable, order)

    wrong = [f"missing {key}" for key in wanted if key not in found]
    wrong += [f"unexpected {key}" for key in found if key not in wanted]
    arrays = {}
    for key in wanted.keys() & found.keys():
        variable, order = wanted[key]
        array = np.asarray(found[key])
        arrays[key] = array.transpose(order) if array.ndim == len(order) else array
        if arrays[key].shape != tuple(variable.shape):
            wrong.append(f"{key} is {arrays[key].shape}, wanted {tuple(variable.shape)}")
    if wrong:
        raise UserError(f"checkpoint does not fit {model.name}: {'; '.join(sorted(wrong)[:5])}")
    for key, array in arrays.items():
        wanted[key][0].assign(array)


def _rename(mapping, table):
    renamed = {}
    for key, array in mapping.items():
        key = key.removeprefix("module.")
        if key.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in table:
            key = re.sub(pattern, replacement, key)
        renamed[key] = array
    return renamed


def _torch_key(name, rank):
    """A Keras variable's name -> PyTorch's, and the axes that turn PyTorch's array into ours."""
    key = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }.get(name, name)
    return key, (2, 3, 1, 0) if rank == 4 else tuple(range(rank))
