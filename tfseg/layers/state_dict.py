"""Loads a PyTorch state dict into a network whose layers have its module paths as names."""

import itertools
import math
import re

import numpy as np
from keras.layers import DepthwiseConv2D

from tfseg.errors import UserError

# DataParallel's prefix, and what torch.compile, FSDP and checkpointing insert into keys.
WRAPPERS = re.compile(
    r"^(module\.)+|(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
FEW = 4  # most keys that a message lists

_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "alpha": "weight",  # of a PReLU
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def named_variables(model, names=_NAMES):
    """PyTorch's key of every variable -> (layer, variable); with empty `names`, Keras' key."""
    named = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer.weights:
            name = variable.path.rsplit("/", 1)[-1]
            named[f"{layer.name}.{names.get(name, name)}"] = (layer, variable)
    return named


def rename(mapping, table):
    """The state dict with its keys translated to the layer names here.

    `table` holds (pattern, replacement) pairs and functions of the whole dict, applied in order.
    """
    state = {}
    for key, array in mapping.items():
        if key.endswith("num_batches_tracked"):
            continue
        key = WRAPPERS.sub("", key)
        # Files of DenseNets still have the spelling from before PyTorch 0.4.1.
        key = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)
        state[key] = array
    for entry in table:
        if callable(entry):
            state = entry(state)
        else:
            state = {re.sub(*entry, key): array for key, array in state.items()}
    return state


def fill(wanted, found, what, *, strict=True, skip_head=False, layout=None, source="checkpoint"):
    """Assigns the arrays `found` to the variables `wanted`; on an error, assigns none.

    Args:
        wanted: key -> (layer, variable).
        found: key -> array in `layout`, PyTorch's by default.
        what: the network's name in messages.
        strict: whether missing and unexpected keys are errors.
        skip_head: whether to skip keys whose shapes differ.
        layout: `TORCH` or `KERAS`.
        source: the file's name in messages.

    Returns:
        The skipped keys, sorted.

    Raises:
        UserError: for weights that do not fit, and for quantized weights.
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
    """A hint on how to fix the mismatch."""
    if len(fitting) < len(missing):
        return "; does it belong to another --model or --encoder?"
    if misshapen and len(fitting) > len(misshapen) and not missing and not unexpected:
        return "; for other classes, train --skip_head leaves the head out"
    return ""


def _told(keys, misshapen):
    """The keys that do not fit, shortened to their common prefix if they are many."""
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
    return "; ".join(parts) or "it has no known key"


def shared_prefix(names):
    """The module path that all keys share, such as "encoder.layer1.", or ""."""
    first, last = min(names).split(".")[:-1], max(names).split(".")[:-1]
    shared = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(f"{part}." for part, _ in shared)


def _as_shaped(array, shape):
    """The array in the shape wanted: a linear layer as a convolution, or a single number."""
    linear = len(shape) == 4 and array.shape == (shape[0], math.prod(shape[1:]))
    return array.reshape(shape) if linear or array.size == math.prod(shape) == 1 else array


def _in_layout(array, layer, shape):
    """Converts PyTorch's array to Keras' layout.

    OIHW becomes HWIO, IOHW of transposed convolutions HWOI, and (I·M)1HW of depthwise ones HWIM;
    in both, channel i·M + m comes from channel i.
    """
    if len(shape) != 4:
        return array
    if isinstance(layer, DepthwiseConv2D):
        return array.transpose(2, 3, 0, 1).reshape(shape)
    return array.transpose(2, 3, 1, 0)


def torch_shape(layer, shape):
    """The shape in PyTorch of a variable of `layer` that has `shape` in Keras."""
    if len(shape) != 4:
        return tuple(shape)
    if isinstance(layer, DepthwiseConv2D):
        return (shape[2] * shape[3], 1, shape[0], shape[1])
    return (shape[3], shape[2], shape[0], shape[1])


# Layouts of weights in a file: (layer, shape in Keras -> shape there; array there -> Keras array)
TORCH = (torch_shape, _in_layout)
KERAS = (lambda layer, shape: tuple(shape), lambda array, layer, shape: array)
