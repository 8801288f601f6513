"""A PyTorch state dict -> the layers of a network that bear its module paths."""

import itertools
import math
import re

import numpy as np
from keras.layers import DepthwiseConv2D

from tfseg.errors import UserError

# What DataParallel puts before keys, and torch.compile, FSDP and checkpointing anywhere in them.
WRAPPERS = re.compile(
    r"^(module\.)+|(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
FEW = 4  # keys that a message names one by one

_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "alpha": "weight",  # of a PReLU
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def named_variables(model, names=_NAMES):
    """PyTorch's key of every variable -> (layer, variable); with no `names`, Keras' own."""
    named = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer.weights:
            name = variable.path.rsplit("/", 1)[-1]
            named[f"{layer.name}.{names.get(name, name)}"] = (layer, variable)
    return named


def rename(mapping, table):
    """The state dict with keys as the layers here spell them.

    `table` holds (pattern, replacement) pairs and functions of the whole dict, applied in turn.
    """
    state = {}
    for key, array in mapping.items():
        if key.endswith("num_batches_tracked"):
            continue
        key = WRAPPERS.sub("", key)
        # DenseNets were spelt so before PyTorch 0.4.1, and their files still are.
        key = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)
        state[key] = array
    for entry in table:
        if callable(entry):
            state = entry(state)
        else:
            state = {re.sub(*entry, key): array for key, array in state.items()}
    return state


def fill(wanted, found, what, *, strict=True, skip_head=False, layout=None, source="checkpoint"):
    """Assigns the arrays `found` to the variables `wanted`, all of them or, on an error, none.

    Args:
        wanted: key -> (layer, variable).
        found: key -> array in `layout`, PyTorch's unless it is `KERAS`.
        what: the network, as messages call it, and `source`: the file.
        strict: whether keys that are missing or unexpected are errors.
        skip_head: whether keys whose shapes differ are none.

    Returns:
        The keys that were left out, sorted.

    Raises:
        UserError: for what does not fit, and for weights in whole numbers.
    """
    shape_of, in_layout = layout or TORCH
    missing = sorted(key for key in wanted if key not in found)
    unexpected = sorted(key for key in found if key not in wanted)
    arrays, misshapen = {}, []
    for key in sorted(wanted.keys() & found.keys()):
        layer, variable = wanted[key]
        shape, array = shape_of(layer, variable.shape), np.asarray(found[key])
        if array.dtype.kind in "iub":
            raise UserError(f"{source}: {key} is {array.dtype}; quantized weights do not load")
        array = _as_shaped(array, shape)
        if array.shape == shape:
            arrays[key] = in_layout(array, layer, tuple(variable.shape))
        else:
            misshapen.append(f"{key} is {array.shape}, wanted {shape}")
    keys = [("missing", missing), ("unexpected", unexpected)] if strict else []
    if any(names for _, names in keys) or (misshapen and not skip_head) or not arrays:
        mend = _mend(missing, unexpected, misshapen, arrays)
        raise UserError(f"{source} does not fit {what}: {_told(keys, misshapen)}{mend}")
    for key, array in arrays.items():
        wanted[key][1].assign(array)
    left = [f"missing {key}" for key in missing] + [f"unexpected {key}" for key in unexpected]
    return sorted(left + misshapen)


def _mend(missing, unexpected, misshapen, fitting):
    """What the user can do."""
    if len(fitting) < len(missing):
        return "; is it of another --model or --encoder?"
    if misshapen and len(fitting) > len(misshapen) and not missing and not unexpected:
        return "; for other classes, train --skip_head leaves the head out"
    return ""


def _told(keys, misshapen):
    """The keys that do not fit, or their common prefixes if they are many."""
    parts = []
    for word, names in keys:
        if len(names) > FEW:
            under = f" under {shared_prefix(names)}" if shared_prefix(names) else ""
            parts.append(f"{word} {', '.join(names[:2])}, ... ({len(names)} keys{under})")
        else:
            parts += [f"{word} {name}" for name in names]
    parts += misshapen[:FEW]
    if len(misshapen) > FEW:
        parts.append(f"{len(misshapen) - FEW} more of another shape")
    return "; ".join(parts) or "no key of it is known"


def shared_prefix(names):
    """The modules that all keys stand under, as "encoder.layer1."; "" where there are none."""
    first, last = min(names).split(".")[:-1], max(names).split(".")[:-1]
    shared = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(f"{part}." for part, _ in shared)


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


# How weights lie in a file: (shape there of a layer's variable, array there -> array in Keras)
TORCH = (torch_shape, _in_layout)
KERAS = (lambda layer, shape: tuple(shape), lambda array, layer, shape: array)
