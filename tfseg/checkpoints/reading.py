"""A checkpoint file of any kind -> named arrays, or an error in one line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np

from tfseg.checkpoints.keras_files import read_keras_archive, read_keras_weights
from tfseg.checkpoints.kinds import kind_of
from tfseg.checkpoints.safetensors_files import read_safetensors
from tfseg.checkpoints.source import FREE, DamageError, ReadingError, check_numbers
from tfseg.checkpoints.state_dicts import find_state_dict
from tfseg.checkpoints.torch_files import OldFile, ZippedFile, arrays
from tfseg.errors import UserError

SHARED = 4  # times a file's size that its tensors may have, where some share their numbers


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        layout: "torch" or "keras".
        tensors: key -> array. PyTorch's keys and layout; of Keras "layer/number", the number being
            the weight's place in its layer.
        notes: what is to be said of how it was read, one line each.
    """

    layout: str
    tensors: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint of any kind, recognised by its bytes. Nothing in it is executed.

    Raises:
        UserError: for what is no checkpoint, one that is damaged, and one whose weights are NaN or
            infinite.
    """
    path = Path(path)
    name, reader = READERS[kind_of(path)]
    try:
        with open(path, "rb") as file:
            return reader(file, path.stat().st_size)
    except DamageError as error:
        reason = f"is damaged or no {name} file: {error}"
    except ReadingError as error:
        raise UserError(f"checkpoint {path}: {_line(error)}") from None
    except Exception as error:  # of whatever kind: foreign bytes, on which a reader stumbles
        reason = f"is damaged or no {name} file: {type(error).__name__}: {error}"
    raise UserError(f"checkpoint {path} {_line(reason)}") from None


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch checkpoint: key -> array in PyTorch's layout, read-only.

    bfloat16 becomes float32. Raises `UserError` as `read_checkpoint`, and for a file of Keras.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.layout != "torch":
        raise UserError(f"checkpoint {path} is of Keras; wanted a file of PyTorch or safetensors")
    return checkpoint.tensors


def _line(text):
    return " ".join(str(text).split())[:400]


def _torch(tensors, size, notes=()):
    if sum(array.nbytes for array in tensors.values()) > SHARED * size + FREE:
        raise DamageError("its tensors claim to be much larger than the file")
    check_numbers(tensors)
    half = np.dtype(ml_dtypes.bfloat16)
    plain = {k: a.astype(np.float32) if a.dtype == half else a for k, a in tensors.items()}
    return Checkpoint("torch", plain, list(notes))


def _pickled(kind):
    def read(file, size):
        opened = kind(file)
        state, notes = find_state_dict(opened.saved)
        return _torch(arrays(opened, state), size, notes)

    return read


# kind -> (what messages call it, reader of an open file and its size)
READERS: dict[str, tuple[str, Callable]] = {
    "torch": ("PyTorch", _pickled(ZippedFile)),
    "old torch": ("PyTorch", _pickled(OldFile)),
    "safetensors": ("safetensors", lambda file, size: _torch(read_safetensors(file), size)),
    "hdf5": ("HDF5", lambda file, _: Checkpoint("keras", read_keras_weights(file))),
    "keras": ("Keras", lambda file, _: Checkpoint("keras", read_keras_archive(file))),
}
