"""Finds the prefix of a network's keys in a state dict, such as Lightning's "model.".

The state dict may also hold another network, the weights of a loss, or a classifier of whole
images; these are left out.
"""

import collections
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tfseg.checkpoints.state_dicts import is_averaged

_LOSS = r"(\w+_)?(criterion|crit|loss|losses|loss_fn|loss_func|metrics?)"
# What a loss has learnt, and segmentation_models.pytorch's second head (its `aux_params`), which
# classifies the whole image.
_NO_MASK = re.compile(rf"^({_LOSS}|classification_head)\.")
_DEEPEST = 6


@dataclass(frozen=True)
class Fitting:
    """The part of a state dict that belongs to a network.

    Attributes:
        tensors: key of the network -> array.
        prefix: the prefix that was removed from the keys.
        beside: the rest, one line for each group of keys.
    """

    tensors: dict[str, np.ndarray]
    prefix: str
    beside: list[str]


def find_prefix(
    state: Mapping[str, np.ndarray],
    wanted: Collection[str],
    spelt: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]],
) -> Fitting:
    """The part of `state` that has most of the keys `wanted`; averaged weights win a tie.

    Args:
        state: the state dict of a file.
        wanted: the network's keys.
        spelt: translates the keys of a state dict to those of the network.
    """

    def score(prefix):
        known = len(parts[prefix].keys() & set(wanted))
        return known, is_averaged(prefix.split(".")), -len(prefix)

    parts = {prefix: spelt(_under(state, prefix)) for prefix in _prefixes(state, len(wanted) / 2)}
    prefix = max(parts, key=score)
    if score(prefix)[0] == score("")[0] and not is_averaged(prefix.split(".")):
        prefix = ""
    own = {k for k in state if k.startswith(prefix) and not _NO_MASK.match(k.removeprefix(prefix))}
    kept = {key: array for key, array in state.items() if key in own}
    beside = [key.removeprefix(prefix) for key in state if key not in own]
    return Fitting(spelt(_under(kept, prefix)), prefix, _grouped(beside))


def _under(state, prefix):
    return {key[len(prefix) :]: a for key, a in state.items() if key.startswith(prefix)}


def _prefixes(state, least):
    """The empty prefix, and every prefix that ends in a dot and has at least `least` keys."""
    counts = collections.Counter()
    for key in state:
        parts = key.split(".")[:-1]
        counts.update(".".join(parts[:i]) + "." for i in range(1, min(len(parts), _DEEPEST) + 1))
    return ["", *(prefix for prefix, count in counts.items() if count >= max(least, 1))]


def _grouped(keys):
    """Lines for keys: a single key, or the number of keys with the same first part."""
    groups = collections.defaultdict(list)
    for key in keys:
        groups[key.partition(".")[0]].append(key)
    return [
        names[0] if len(names) == 1 else f"{len(names)} keys under {first}."
        for first, names in groups.items()
    ]
