"""Finds ImageNet weights of encoders and loads them into networks."""

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
    """Resolves "auto": "imagenet" if the weights are cached or can be downloaded, else "none",
    with a printed line that says why.

    Gives up on a server that does not answer within `tfseg.fetching.PATIENCE`.
    """
    try:
        if weights is None:
            raise UserError("no public table pins its ImageNet weights")
        fetch_imagenet(weights)
    except UserError as error:
        reason = error.typed.partition(f"{ASKED}: ")[2] or error
        print(f"{encoder} starts from scratch: {reason}")
        return "none"
    return "imagenet"


def load_weights(model, encoder, path, keys=()):
    """Fills the encoder of a network from a file of its PyTorch weights.

    The file must hold every weight of the encoder. Its other weights are skipped unless the network
    has them, too: FCN's two large layers come from the ImageNet classifier.
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
