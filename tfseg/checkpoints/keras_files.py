"""Keras' weights: `.weights.h5`, and the one inside of a `.keras`; our own carry a checksum.

Keras finds a layer's weights by the order of layers of a class ("layers/conv2d_7/vars/0"), and
writes the layer's name beside them. Names are what counts here, so that an auxiliary head or
another wrapping changes nothing.

Of a `.keras` the weights alone are read. Its config may hold code, and is not needed.
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

WEIGHTS = "model.weights.h5"  # in a `.keras`
CHECKSUM = "sha256"
_MARKED = ("", "layers")  # the groups that carry it: damage to one of the marks is seen, too


def save_weights(model: "keras.Model", path: Path) -> None:
    """Writes a model's weights, and its optimizer's where it has one, with a checksum.

    The file is Keras' own `.weights.h5`; `load_weights` of Keras reads it too.

    Raises:
        OSError: where the disk is full or the file cannot be written.
    """
    import h5py  # imports slowly, and reading does without

    try:
        model.save_weights(path)
        with open(path, "rb") as file:
            digest = _digest(read_hdf5(file))
        with h5py.File(path, "r+") as file:
            for group in _MARKED:
                file[group or "/"].attrs[CHECKSUM] = np.bytes_(digest)
    except (OSError, RuntimeError) as error:  # HDF5 tells the system's reason in its text alone
        code = re.search(r"errno = (\d+)", str(error))
        number = int(code[1]) if code else getattr(error, "errno", None) or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from None


def _digest(contents):
    """SHA-256 of all names, shapes, kinds and numbers: the same however HDF5 lays them out."""
    digest = hashlib.sha256()
    for path, array in sorted(contents.arrays.items()):
        digest.update(f"{path}\n{array.dtype}\n{array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array))
    for path, attributes in sorted(contents.attributes.items()):
        if "name" in attributes:  # of a layer
            digest.update(f"{path}\n{attributes['name']}\n".encode())
    return digest.hexdigest()


def read_keras_archive(file: BinaryIO) -> dict[str, np.ndarray]:
    """The weights of a `.keras`, as `read_keras_weights` has them. Raises `ReadingError`."""
    return read_keras_weights(unzipped_source(open_zip(file), WEIGHTS).file)


def read_keras_weights(file: BinaryIO) -> dict[str, np.ndarray]:
    """The weights of a `.weights.h5`: "layer/number" -> array; an optimizer's: "optimizer/number".

    Raises:
        ReadingError: for a file that is damaged, whose checksum is not that of its contents, with
            weights that are no numbers, and for one of Keras 2.
    """
    contents = read_hdf5(file)
    root = contents.attributes.get("", {})
    if "layer_names" in root or "keras_version" in root:
        raise ReadingError("it is of Keras 2; load it there, and save its weights in Keras 3")
    layers = {
        path: contents.attributes.get(path.rpartition("/")[0], {}).get("name")
        for path in contents.arrays
        if not path.startswith("optimizer/")
    }
    check_numbers({f"{path} ({name})": contents.arrays[path] for path, name in layers.items()})
    marks = {contents.attributes.get(group, {}).get(CHECKSUM) for group in _MARKED}
    if marks != {None} and marks != {_digest(contents)}:
        raise DamageError("its checksum is not that of what it holds; its bytes have changed")
    return _named(contents.arrays, layers)


def _named(arrays, layers):
    """Paths become names, where a name is one layer's alone."""
    keys = {path: f"{layers.get(path)}/{path.rpartition('/')[2]}" for path in arrays}
    counts = collections.Counter(keys.values())
    return {
        path.replace("/vars/", "/") if path not in layers or counts[key] > 1 else key: arrays[path]
        for path, key in keys.items()
    }
