"""ImageNet weights of encoders: where they are, fetched once, checked, loaded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tfseg.checkpoints import read_state_dict
from tfseg.errors import UserError
from tfseg.layers.state_dict import fill, named_variables, rename

FILE = "model.safetensors"


@dataclass(frozen=True)
class Weights:
    """Where an encoder's ImageNet weights are, on the Hugging Face hub.

    Attributes:
        repository: "owner/name".
        revision: the commit, so that the file never changes.
        sha256: of the file; None where only the revision is known.
    """

    repository: str
    revision: str
    sha256: str | None = None


def fetch(weights: Weights) -> Path:
    """The file with the weights, fetched once and then cached. Raises `UserError`."""
    from huggingface_hub import hf_hub_download  # imports slowly, and is seldom needed

    try:
        path = Path(hf_hub_download(weights.repository, FILE, revision=weights.revision))
    except Exception as error:  # the hub's, its HTTP library's, the system's: all say "no file"
        reason = str(error).strip().splitlines()[0][:120].rstrip(" .")
        raise UserError(
            f"encoder_weights=imagenet: {weights.repository} cannot be fetched ({reason}); "
            f"offline, give the path of its {FILE} instead"
        ) from None
    if weights.sha256 and _sha256(path) != weights.sha256:
        raise UserError(
            f"encoder_weights=imagenet: {path} is damaged (its SHA-256 is another); delete it"
        )
    return path


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(model, encoder, path, keys=()):
    """Fills the encoder of a network from a file of its PyTorch weights.

    Every weight of the encoder must be there. What else the file holds is left out, but for what
    the network also has: FCN's two large layers are the ImageNet classifier's.
    """
    found = rename(read_state_dict(path), keys)
    wanted = {
        key: entry
        for key, entry in named_variables(model).items()
        if key in found or entry[0].name in model.encoder_layers
    }
    found = {key: array for key, array in found.items() if key in wanted}
    fill(wanted, found, f"{encoder} ({path})")
