"""A PyTorch state dict -> the layers of a network that bear its module paths."""

import math
import re

import numpy as np
from keras.layers import DepthwiseConv2D

from tfseg.errors import UserError

_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "alpha": "weight",  # of a PReLU
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def named_variables(model):
    """PyTorch's key of every variable -> (layer, variable)."""
    named = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer.weights:
            name = variable.path.rsplit("/", 1)[-1]
            named[f"{layer.name}.{_NAMES.get(name, name)}"] = (layer, variable)
    return named


def rename(mapping, table):
    """The state dict with keys as the layers here spell them.

    `table` holds (pattern, replacement) pairs and functions of the whole dict, applied in turn.
    """
    state = {}
    for key, array in mapping.items():
        if key.endswith("num_batches_tracked"):
            continue
        key = key.removeprefix("module.")  # DataParallel's
        # DenseNets were spelt so before PyTorch 0.4.1, and their files still are.
        key = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)
        state[key] = array
    for entry in table:
        if callable(entry):
            state = entry(state)
        else:
            state = {re.sub(*entry, key): array for key, array in state.items()}
    return state


def fill(wanted, found, what, *, strict=True, skip_head=False):
    """Assigns the arrays `found` to the variables `wanted`, all of them or, on an error, none.

    Returns the keys that were left out, which is none unless `strict` is off (keys that are
    missing or unexpected) or `skip_head` on (keys whose shapes differ).
    """
    missing = [f"missing {key}" for key in wanted if key not in found]
    unexpected = [f"unexpected {key}" for key in found if key not in wanted]
    arrays, misshapen = {}, []
    for key in wanted.keys() & found.keys():
        layer, variable = wanted[key]
        shape = torch_shape(layer, variable.shape)
        array = _as_shaped(np.asarray(found[key]), shape)
        if array.shape == shape:
            arrays[key] = _in_layout(array, layer, tuple(variable.shape))
        else:
            misshapen.append(f"{key} is {array.shape}, wanted {shape}")
    wrong = [*(missing + unexpected if strict else []), *([] if skip_head else misshapen)]
    if wrong or not arrays:
        shown = "; ".join(sorted(wrong)[:5]) or "no key of it is known"
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise UserError(f"checkpoint does not fit {what}: {shown}{more}")
    for key, array in arrays.items():
        wanted[key][1].assign(array)
    return sorted(missing + unexpected + misshapen)


def _as_shaped(array, shape):
    """The array as PyTorch would have it: a linear layer became a convolution, or one number."""
    linear = len(shape) == 4 and array.shape == (shape[0], math.prod(shape[1:]))
    return array.reshape(shape) if linear or array.size == math.prod(shape) == 1 else array


def _in_layout(array, layer, shape):
    """PyTorch's array in Keras' layout.

    OIHW becomes HWIO, IOHW of transposed convolutions HWOI, and (I·M)1HW of depthwise ones HWIM:
    channel i·M + m comes from channel i in both.
    """
    if len(shape) != 4:
        return array
    if isinstance(layer, DepthwiseConv2D):
        return array.transpose(2, 3, 0, 1).reshape(shape)
    return array.transpose(2, 3, 1, 0)


def torch_shape(layer, shape):
    """The shape that PyTorch gives a variable of `layer` that has `shape` in Keras."""
    if len(shape) != 4:
        return tuple(shape)
    if isinstance(layer, DepthwiseConv2D):
        return (shape[2] * shape[3], 1, shape[0], shape[1])
    return (shape[3], shape[2], shape[0], shape[1])
