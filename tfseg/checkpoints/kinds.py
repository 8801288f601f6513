"""Recognises the kind of a checkpoint file from its bytes, not its name."""

import stat
from pathlib import Path

from tfseg.checkpoints.hdf5 import SIGNATURE
from tfseg.checkpoints.keras_files import WEIGHTS
from tfseg.checkpoints.safetensors_files import header_length
from tfseg.checkpoints.source import ReadingError, open_zip
from tfseg.errors import UserError

_OLD_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # `torch_files.MAGIC`, pickled
_TABLE_END = bytes.fromhex("57fb808b247547db")  # last bytes of TensorFlow's tables

OTHERS = (  # offset, bytes, what such a file is and what to do with it
    (0, b"\x1f\x8b", "is packed by gzip; unpack it with gunzip"),
    (0, b"BZh", "is packed by bzip2; unpack it with bunzip2"),
    (0, b"\xfd7zXZ", "is packed by xz; unpack it with unxz"),
    (0, b"7z\xbc\xaf", "is a 7z archive; unpack it"),
    (0, b"version https://git-lfs", "is a Git LFS pointer; run: git lfs pull"),
    (0, b"<", "is a web page, not the file itself; download it again"),
    (4, b"TFL3", "is a LiteRT file, which has no trainable weights; give the run it came from"),
    (0, b"\x93NUMPY", "is a single NumPy array; give the weights of a network"),
    (0, b"GGUF", "is a GGUF file; give weights in plain floats"),
)
TENSORFLOW = (
    "TensorFlow 1 and 2 write such checkpoints; build the network there, load them, and save its "
    "weights with model.save_weights('x.weights.h5')"
)
TARRED = (
    "is a tar, as PyTorch wrote before 0.1.10; load it with that version and save it again, or "
    "unpack it if something else wrote it"
)


def kind_of(path: Path) -> str:
    """The kind of a file, a key of `tfseg.checkpoints.reading.READERS`.

    Raises `UserError`, with a hint, if the path is not a file or the file is of another kind.
    """
    size = _size(path)
    try:
        with open(path, "rb") as file:
            first = file.read(512)
            file.seek(max(0, size - 8))
            last = file.read(8)
            if first[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                return _kind_of_zip(path, file)
    except OSError as error:
        raise UserError(f"checkpoint {path} cannot be read: {error.strerror}") from None
    if first.startswith(SIGNATURE):
        return "hdf5"
    if first[:1] == b"\x80":
        if _OLD_TORCH in first[:32]:
            return "old torch"
        raise UserError(
            f"checkpoint {path} is damaged, or not a pickle of PyTorch; save the state "
            f"dict with torch.save(model.state_dict(), 'new.pth')"
        )
    if header_length(first[:9], size) is not None:
        return "safetensors"
    raise UserError(f"checkpoint {path} {_other(path, first, last)}")


def _size(path):
    try:
        found = path.stat()
    except FileNotFoundError:
        target = f": it is a link to {path.readlink()}" if path.is_symlink() else ""
        raise UserError(f"checkpoint {path} does not exist{target}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"checkpoint {path} cannot be read: {reason}") from None
    if stat.S_ISDIR(found.st_mode):
        raise UserError(f"checkpoint {path} {_folder(path)}")
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"checkpoint {path} is a pipe or a device; give a file")
    if not found.st_size:
        raise UserError(f"checkpoint {path} is empty: damaged, or never written")
    return found.st_size


def _folder(path):
    """Describes a folder that is not a run and says what to give instead."""
    try:
        names = sorted(child.name for child in path.iterdir())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if "saved_model.pb" in names:
        return "is a SavedModel, which has no trainable weights; give the run it came from"
    if any(name.endswith(".index") for name in names) or "checkpoint" in names:
        return f"is a folder of TensorFlow's checkpoints; {TENSORFLOW}"
    if "data.pkl" in names:
        return "is an unpacked zip from PyTorch; give the original file"
    known = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".h5", ".keras")
    inside = [name for name in names if name.endswith(known)][:3]
    if inside:
        return f"is a folder, but not a run; give the file in it: {' or '.join(inside)}"
    return "is a folder, but not a run; give a run or a file"


def _kind_of_zip(path, file):
    try:
        names = set(open_zip(file).namelist())
    except ReadingError as error:
        raise UserError(f"checkpoint {path} is damaged: {error}") from None
    files = {name.rpartition("/")[2] for name in names}
    if WEIGHTS in names:
        return "keras"
    if "constants.pkl" in files:
        raise UserError(
            f"checkpoint {path} is a TorchScript archive; save its state dict: "
            f"torch.save(torch.jit.load('{path.name}').state_dict(), 'new.pth')"
        )
    if "data.pkl" in files:
        return "torch"
    if any(name.endswith(".npy") for name in files):
        raise UserError(f"checkpoint {path} holds NumPy arrays; give the weights of a network")
    shown = ", ".join(sorted(names)[:3]) or "nothing"
    raise UserError(f"checkpoint {path} is a zip with {shown}, not a checkpoint; unpack it")


def _other(path, first, last):
    """Describes a file that cannot be loaded."""
    for offset, mark, words in OTHERS:
        if first.lstrip()[offset:].startswith(mark):
            return words
    if first[257:262] == b"ustar":
        return TARRED
    if last == _TABLE_END or ".data-0" in path.name:
        return f"is a part of one of TensorFlow's checkpoints; {TENSORFLOW}"
    wanted = {".safetensors": "safetensors", ".h5": "HDF5", ".keras": "Keras"}
    return (
        f"is damaged or not a {wanted.get(path.suffix, 'PyTorch')} file; give a run, or a "
        f".weights.h5, .keras, .safetensors, .pth, .pt or .ckpt file"
    )
