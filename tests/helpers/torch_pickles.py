"""Hand-written PyTorch files with claims that PyTorch would not make."""

import pickle
import struct
import zipfile

import numpy as np
import pytest

from tfseg.checkpoints import read_checkpoint
from tfseg.errors import UserError

HEAD = b"".join(
    pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
)


def _op(value):
    """The pickle instructions that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def old_file(path, count=6, view=None, shape=(6,), strides=(1,), offset=0, given=6):
    """A file from before PyTorch 1.6 with one tensor "a" of 0, 1, 2, ...

    `count` and `view` (key, offset, size) are the pickle's claims about its storage, `given` is the
    count stored before the six numbers.
    """
    storage = b"(" + _op("storage") + b"ctorch\nFloatStorage\n" + _op("1") + _op("cpu")
    storage += _op(count) + _op(view) + b"tQ"
    arguments = b"(" + storage + _op(offset) + _op(shape) + _op(strides) + _op(False) + b"Nt"
    body = b"\x80\x02}" + _op("a") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."
    numbers = struct.pack("<q", given) + np.arange(6, dtype="float32").tobytes()
    path.write_bytes(HEAD + body + pickle.dumps(["1"], 2) + numbers)
    return path


def zipped(path, pickled, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, data in files.items():
            archive.writestr(f"a/data/{name}", data)
    return path


def refusal(path):
    with pytest.raises(UserError) as refused:
        read_checkpoint(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)
