"""Reads a checkpoint file of any kind into named arrays, or raises a one-line error."""

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

SHARED = 4  # tensors may share storage, so they may have this many times the file's size


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        layout: "torch" or "keras".
        tensors: key -> array. PyTorch's keys and layout; for Keras "layer/number", where the
            number is the weight's index in its layer.
        notes: lines to print on how the file was read.
    """

    layout: str
    tensors: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint of any kind, recognised by its bytes. Executes nothing in it.

    Raises:
        UserError: if it is not a checkpoint, is damaged, or has NaN or infinite weights.
    """
    path = Path(path)
    name, reader = READERS[kind_of(path)]
    try:
        with open(path, "rb") as file:
            return reader(file, path.stat().st_size)
    except DamageError as error:
        reason = f"is damaged or not a {name} file: {error}"
    except ReadingError as error:
        raise UserError(f"checkpoint {path}: {_line(error)}") from None
    except Exception as error:  # damaged bytes can cause any error in a reader
        reason = f"is damaged or not a {name} file: {type(error).__name__}: {error}"
    raise UserError(f"checkpoint {path} {_line(reason)}") from None


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch checkpoint: key -> array in PyTorch's layout, read-only.

    bfloat16 becomes float32. Raises `UserError` as `read_checkpoint`, and for a Keras file.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.layout != "torch":
        raise UserError(f"checkpoint {path} is a Keras file; give one of PyTorch or safetensors")
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


# kind -> (its name in messages, reader of an open file and its size)
READERS: dict[str, tuple[str, Callable]] = {
    "torch": ("PyTorch", _pickled(ZippedFile)),
    "old torch": ("PyTorch", _pickled(OldFile)),
    "safetensors": ("safetensors", lambda file, size: _torch(read_safetensors(file), size)),
    "hdf5": ("HDF5", lambda file, _: Checkpoint("keras", read_keras_weights(file))),
    "keras": ("Keras", lambda file, _: Checkpoint("keras", read_keras_archive(file))),
}
