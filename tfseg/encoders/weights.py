"""ImageNet weights of encoders: where they are, fetched once, checked, loaded."""

import hashlib
import queue
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tfseg.checkpoints import read_state_dict
from tfseg.checkpoints.prefixes import find_prefix
from tfseg.errors import UserError
from tfseg.layers.state_dict import fill, named_variables, rename

FILE = "model.safetensors"
PATIENCE = 4  # seconds for the hub to answer


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
    try:
        path = _cached(weights) or _downloaded(weights)
    except Exception as error:  # the hub's, its HTTP library's, the system's: all say "no file"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120].rstrip(" .")
        raise UserError(
            f"--encoder_weights=imagenet: {weights.repository} cannot be fetched ({reason}); "
            f"offline, give the path of its {FILE} instead"
        ) from None
    if weights.sha256 and (found := _sha256(path)) != weights.sha256:
        # A snapshot is a link; the file behind it must go before the hub fetches it again.
        raise UserError(
            f"--encoder_weights=imagenet: {path.resolve()} has SHA-256 {found[:12]}..., "
            f"wanted {weights.sha256[:12]}...; delete it to fetch it again"
        )
    return path


def _cached(weights):
    from huggingface_hub import try_to_load_from_cache  # imports slowly, and is seldom needed

    path = try_to_load_from_cache(weights.repository, FILE, revision=weights.revision)
    return Path(path) if isinstance(path, str) else None


def _downloaded(weights):
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # A download tries a dead connection six times, for 23 s; a question for the file but once.
    url = hf_hub_url(weights.repository, FILE, revision=weights.revision)
    _answered(lambda: get_hf_file_metadata(url, timeout=PATIENCE), PATIENCE)
    return Path(hf_hub_download(weights.repository, FILE, revision=weights.revision))


def _answered(question, seconds):
    """Asks in a thread, because looking up a name has no time limit of its own."""
    errors = queue.SimpleQueue()

    def ask():
        try:
            question()
            errors.put(None)
        except Exception as error:
            errors.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        error = errors.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer in {seconds} s") from None
    if error:
        raise error


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        print(f"checkpoint {path}: the prefix {fitting.prefix} is taken off its keys")
    wanted = own | {k: v for k, v in named_variables(model).items() if k in fitting.tensors}
    found = {key: array for key, array in fitting.tensors.items() if key in wanted}
    fill(wanted, found, f"{encoder} (the encoder)", source=f"checkpoint {path}")
