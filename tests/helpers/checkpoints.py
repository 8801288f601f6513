"""Reads and compares the checkpoints of a run."""

import h5py
import numpy as np

from tfseg.runs import RunFolder


def arrays(path):
    """Every array in a checkpoint, including the optimizer's state."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None
        )
    return found


def newest(folder):
    """Every array of a run's newest checkpoint."""
    run = RunFolder(folder)
    return arrays(run.checkpoints / run.last()["weights"])


def assert_same(folder, other):
    """Asserts that the newest checkpoints of two runs are equal."""
    found, wanted = newest(folder), newest(other)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
