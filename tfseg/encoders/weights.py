"""ImageNet weights of encoders: whether they are at hand, and how they fill a network."""

from functools import partial
from pathlib import Path

from tfseg.checkpoints import read_state_dict
from tfseg.checkpoints.prefixes import find_prefix
from tfseg.errors import UserError
from tfseg.fetching import Source, fetch
from tfseg.layers.state_dict import fill, named_variables, rename

ASKED = "--encoder_weights=imagenet"


def fetch_imagenet(source: Source) -> Path:
    """The file with an encoder's ImageNet weights. Raises `UserError`."""
    return fetch(source, ASKED, "--encoder_weights")


def found(encoder: str, weights: Source | None) -> str:
    """Resolves "auto": "imagenet" if the weights are on this machine or arrive, else
    "none", with a line that says why.

    A server that does not answer within `tfseg.fetching.PATIENCE` is not waited for.
    """
    try:
        if weights is None:
            raise UserError("no public table pins ImageNet weights of it")
        fetch_imagenet(weights)
    except UserError as error:
        reason = error.typed.partition(f"{ASKED}: ")[2] or error
        print(f"{encoder} starts from scratch: {reason}")
        return "none"
    return "imagenet"


def load_weights(model, encoder, path, keys=()):
    """Fills the encoder of a network from a file of its PyTorch weights.

    Every weight of the encoder must be there. What else the file holds is left out, but for what
    the network also has: FCN's two large layers are the ImageNet classifier's.
    """
    own = {
        key: entry
        for key, entry in named_variables(model).items()
        if entry[0].name in model.encoder_layers
    }
    fitting = find_prefix(rename(read_state_dict(path), ()), own, partial(rename, table=keys))
    if fitting.prefix:
        print(f"checkpoint {path}: the prefix {fitting.prefix} is removed from its keys")
    wanted = own | {k: v for k, v in named_variables(model).items() if k in fitting.tensors}
    found = {key: array for key, array in fitting.tensors.items() if key in wanted}
    fill(wanted, found, f"{encoder} (the encoder)", source=f"checkpoint {path}")
