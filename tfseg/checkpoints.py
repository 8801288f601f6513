"""Public checkpoint files -> arrays: `.safetensors`, and PyTorch's `.pth` without PyTorch.

A `.pth` is a zip with a pickle in it, and a pickle can call anything. The unpickler here knows
tensors, plain containers and numbers; at any other name it stops, so no file can run code.
"""

import collections
import pickle
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np

from tfseg.errors import UserError

SUFFIXES = (".safetensors", ".pth", ".pt")

# Where training scripts keep the state dict in what they save.
NESTED = ("state_dict", "model_state_dict", "model_state", "model")

_STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state_dict(path):
    """The tensors of a checkpoint: key -> array, in PyTorch's layout; bfloat16 becomes float32.

    Raises `UserError` for a file that is missing, damaged, of an unknown kind, or that holds what
    is no tensor, number or plain container.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif path.suffix in SUFFIXES:
        state = _state_dict_in(_read_pth(path), path)
    else:
        raise UserError(f"checkpoint {path}: wanted one of {', '.join(SUFFIXES)}")
    return {
        key: array.astype(np.float32) if array.dtype == ml_dtypes.bfloat16 else array
        for key, array in state.items()
    }


def _read_safetensors(path):
    from safetensors import SafetensorError, deserialize

    names = {
        "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16,
        "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8,
        "BOOL": np.bool_,
    }  # fmt: skip
    try:
        entries = deserialize(path.read_bytes())
        return {
            key: np.frombuffer(entry["data"], names[entry["dtype"]]).reshape(entry["shape"])
            for key, entry in entries
        }
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"checkpoint {path} is damaged or no safetensors file: {error}") from None


def _read_pth(path):
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.rpartition("/")[2] == "data.pkl")
            with archive.open(name) as file:
                return _Unpickler(file, archive, name.removesuffix("data.pkl")).load()
    except UserError as error:
        raise UserError(f"checkpoint {path}: {error.typed}") from None
    except zipfile.BadZipFile:
        raise UserError(
            f"checkpoint {path} is damaged, or from before PyTorch 1.6; where PyTorch is "
            f'installed, convert it: python -c "import torch; torch.save(torch.load({path.name!r}, '
            f"map_location='cpu'), 'new.pth')\""
        ) from None
    except (
        pickle.UnpicklingError, StopIteration, EOFError, ValueError, TypeError, KeyError,
        IndexError, AttributeError, RecursionError, NotImplementedError, struct.error,
    ) as error:  # fmt: skip
        raise UserError(f"checkpoint {path} is damaged or no PyTorch file: {error!r}") from None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, archive, root):
        super().__init__(file)
        self.archive, self.root = archive, root

    def find_class(self, module, name):
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) not in _ADMITTED:
            raise UserError(
                f"it holds a {module}.{name}, which is no tensor and is not loaded; "
                f"save the state dict alone: torch.save(model.state_dict(), 'new.pth')"
            )
        return _ADMITTED[module, name]

    def persistent_load(self, reference):
        """A tensor's numbers, which lie in a file of their own."""
        _, dtype, key, _, count = reference
        data = self.archive.read(f"{self.root}data/{key}")
        return np.frombuffer(data, dtype, count=count)


def _tensor(storage, offset, shape, strides, *_):
    """PyTorch's `_rebuild_tensor_v2`: a view of the numbers, checked to stay inside them."""
    if min((offset, *shape, *strides), default=0) < 0:
        raise ValueError("negative offset, shape or stride")
    reach = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if 0 in shape:
        return np.zeros(shape, storage.dtype)
    if reach >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides).copy()


def _parameter(tensor, *_):
    return tensor


def _numpy_scalar(dtype, data=b""):
    return np.frombuffer(data, dtype.dtype)[0]


def _numpy_dtype(name, *_):
    dtype = np.dtype(str(name))
    if dtype.hasobject:
        raise ValueError("objects are not loaded")
    return _Dtype(dtype)


class _Dtype:
    """A NumPy dtype that takes the state pickle hands it, the byte order, and lets it be."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __setstate__(self, state):
        pass


def _latin1(text, encoding):
    return text.encode("latin1")


_ADMITTED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): lambda *_: {},
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *names: ":".join(map(str, names)),
    ("numpy", "dtype"): _numpy_dtype,
    ("numpy.core.multiarray", "scalar"): _numpy_scalar,
    ("numpy._core.multiarray", "scalar"): _numpy_scalar,
    ("_codecs", "encode"): _latin1,
}


def _state_dict_in(saved, path):
    for name in ("", *NESTED):
        found = saved.get(name) if name and isinstance(saved, dict) else saved
        if isinstance(found, dict):
            tensors = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
            if tensors and len(tensors) == len(found):
                return tensors
    raise UserError(f"checkpoint {path} holds no state dict (looked in {', '.join(NESTED)})")
