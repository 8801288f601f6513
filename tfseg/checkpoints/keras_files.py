"""Keras weights: `.weights.h5`, alone or inside a `.keras`; our own carry a checksum.

Keras finds a layer's weights by the order of layers of a class ("layers/conv2d_7/vars/0") and also
stores the layer's name. This reader goes by name, so that an auxiliary head or another wrapper
changes nothing.

From a `.keras` it reads only the weights. The config may hold code and is not needed.
"""

import collections
import errno
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from tfseg.checkpoints.hdf5 import read_hdf5
from tfseg.checkpoints.source import (
    DamageError,
    ReadingError,
    check_numbers,
    open_zip,
    unzipped_source,
)

if TYPE_CHECKING:
    import keras

WEIGHTS = "model.weights.h5"  # inside a `.keras`
CHECKSUM = "sha256"
_MARKED = ("", "layers")  # two groups store it, so that damage to one copy is noticed


def save_weights(model: "keras.Model", path: Path) -> None:
    """Writes the weights of a model and of its optimizer, if it has one, with a checksum.

    The file is a `.weights.h5` that Keras' `load_weights` also reads.

    Raises:
        OSError: if the disk is full or the file cannot be written.
    """
    import h5py  # slow to import, and not needed for reading

    try:
        model.save_weights(path)
        with open(path, "rb") as file:
            digest = _digest(read_hdf5(file))
        with h5py.File(path, "r+") as file:
            for group in _MARKED:
                file[group or "/"].attrs[CHECKSUM] = np.bytes_(digest)
    except (OSError, RuntimeError) as error:  # HDF5 gives the error number only in its text
        code = re.search(r"errno = (\d+)", str(error))
        number = int(code[1]) if code else getattr(error, "errno", None) or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from None


def _digest(contents):
    """SHA-256 of all names, shapes, types and numbers, independent of the HDF5 layout."""
    digest = hashlib.sha256()
    for path, array in sorted(contents.arrays.items()):
        digest.update(f"{path}\n{array.dtype}\n{array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array))
    for path, attributes in sorted(contents.attributes.items()):
        if "name" in attributes:  # a layer
            digest.update(f"{path}\n{attributes['name']}\n".encode())
    return digest.hexdigest()


def read_keras_archive(file: BinaryIO) -> dict[str, np.ndarray]:
    """The weights of a `.keras`, as from `read_keras_weights`. Raises `ReadingError`."""
    return read_keras_weights(unzipped_source(open_zip(file), WEIGHTS).file)


def read_keras_weights(file: BinaryIO) -> dict[str, np.ndarray]:
    """The weights of a `.weights.h5`: "layer/number" -> array; an optimizer's: "optimizer/number".

    Raises:
        ReadingError: if the file is damaged, its checksum is wrong, a weight is NaN or infinite,
            or it comes from Keras 2.
    """
    contents = read_hdf5(file)
    root = contents.attributes.get("", {})
    if "layer_names" in root or "keras_version" in root:
        raise ReadingError("it comes from Keras 2; load it there and save its weights with Keras 3")
    layers = {
        path: contents.attributes.get(path.rpartition("/")[0], {}).get("name")
        for path in contents.arrays
        if not path.startswith("optimizer/")
    }
    check_numbers({f"{path} ({name})": contents.arrays[path] for path, name in layers.items()})
    marks = {contents.attributes.get(group, {}).get(CHECKSUM) for group in _MARKED}
    if marks != {None} and marks != {_digest(contents)}:
        raise DamageError("its checksum does not match its contents; its bytes have changed")
    return _named(contents.arrays, layers)


def _named(arrays, layers):
    """Replaces paths by layer names, where a name is unique."""
    keys = {path: f"{layers.get(path)}/{path.rpartition('/')[2]}" for path in arrays}
    counts = collections.Counter(keys.values())
    return {
        path.replace("/vars/", "/") if path not in layers or counts[key] > 1 else key: arrays[path]
        for path, key in keys.items()
    }
