"""Reads mutated checkpoint files.

    from faults import checkpoints
    report = checkpoints.run(count=1000, seed=0)
    assert not report.failures, report

File `i` of a seed is the same in every run. Each must load the saved weights, or be refused in one
line without changing the network.
"""

import collections
import contextlib
import random
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import safetensors.numpy
from torch_files import make

from tfseg.checkpoints import save_weights
from tfseg.errors import UserError
from tfseg.networks import load_checkpoint
from tfseg.weights import load_state_dict

HANG = 10.0  # seconds
MEMORY = 32 << 20  # most bytes to read a file of some kB


@dataclass
class Report:
    """The results of all files.

    Attributes:
        tries: files read.
        outcomes: {(kind of file, "same" or "refused"): count}.
        failures: one line for each file that loaded other weights, changed the network although it
            was refused, raised another error or a message of several lines, or took too much time
            or memory.
    """

    tries: int = 0
    outcomes: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self):
        counts = ", ".join(f"{' '.join(key)}: {n}" for key, n in sorted(self.outcomes.items()))
        head = f"{self.tries} files, {len(self.failures)} failures ({counts})"
        return "\n".join([head, *self.failures])


def run(count: int, seed: int) -> Report:
    """Reads `count` mutated files and reports failures."""
    network, report = tiny_network(), Report()
    wanted = [np.asarray(weight).copy() for weight in network.weights]
    with tempfile.TemporaryDirectory() as folder:
        sources = written(network, Path(folder))
        names = list(sources)
        for name, (data, _) in sources.items():  # undamaged, they must load
            (Path(folder) / name).write_bytes(data)
            assert (found := _outcome(network, Path(folder) / name, wanted)) == "same", found
        for index in range(count):
            rng = random.Random(f"{seed}-{index}")
            name = rng.choice(names)
            data, told = mutated(rng, *sources[name])
            path = Path(folder) / f"mutated{name}"
            path.write_bytes(data)
            outcome = _outcome(network, path, wanted)
            report.tries += 1
            if outcome in ("same", "refused"):
                report.outcomes[name, outcome] += 1
            else:
                report.failures.append(f"seed {seed}, file {index} ({name}, {told}): {outcome}")
    return report


def tiny_network():
    """A network with the weights of `torch_files.make.state`."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv1")(pixels)
    x = keras.layers.BatchNormalization(name="bn1")(x)
    network = keras.Model(pixels, keras.layers.Conv2D(2, 1, name="head")(x), name="tiny")
    load_state_dict(network, make.state())
    return network


def written(network, folder):
    """{extension: (bytes, number of first bytes that may be mutated)}.

    Files without a checksum cannot reveal changed numbers, so only their other bytes are mutated.
    """
    state = make.state()
    save_weights(network, folder / "a.weights.h5")
    network.save(folder / "a.keras")
    safetensors.numpy.save_file(state, folder / "a.safetensors")
    files = {path.name.removeprefix("a"): path.read_bytes() for path in folder.iterdir()}
    files[".pth"] = (make.HERE / "new.pth").read_bytes()
    files[".old.pth"] = (make.HERE / "old.pth").read_bytes()
    numbers = sum(array.nbytes for array in state.values())
    unchecked = {".safetensors": numbers, ".old.pth": numbers + 8 * (len(state) - 1)}
    return {name: (data, len(data) - unchecked.get(name, 0)) for name, data in files.items()}


def mutated(rng, data, span):
    """(the mutated file, the name of the mutation)."""
    data, change = bytearray(data), rng.choice((flips, flips, zeros, swap, cut, doubled))
    told = change(rng, data, span)
    return bytes(data), f"{change.__name__} {told}"


def flips(rng, data, span):
    places = [rng.randrange(span) for _ in range(rng.choice((1, 1, 2, 5)))]
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
    return places


def zeros(rng, data, span):
    start, size = rng.randrange(span), rng.choice((1, 8, 64, 512))
    stop = min(start + size, span)
    data[start:stop] = bytes(stop - start)
    return start, stop


def swap(rng, data, span):
    size = rng.choice((8, 64, 256))
    one, two = (rng.randrange(span - size) for _ in range(2))
    first, second = data[one : one + size], data[two : two + size]
    data[one : one + size], data[two : two + size] = second, first
    return one, two, size


def cut(rng, data, span):
    size = rng.randrange(len(data))
    del data[size:]
    return size


def doubled(rng, data, span):
    start, size = rng.randrange(span), rng.choice((1, 8, 64))
    data[start:start] = data[start : start + size]
    return start, size


def _outcome(network, path, wanted):
    for weight in network.weights:
        weight.assign(np.zeros(weight.shape))
    tracemalloc.start()
    start = time.monotonic()
    try:
        with contextlib.redirect_stdout(None):
            load_checkpoint(network, path)
        outcome = "same" if _are(network, wanted) else "loads other weights"
    except UserError as error:
        unchanged = _are(network, [np.zeros_like(array) for array in wanted])
        outcome = "refused" if unchanged else "is refused, but the network has changed"
        if "\n" in str(error) or path.name not in str(error) or len(str(error)) > 900:
            outcome = f"no line that names the file: {error}"
    except BaseException as error:
        outcome = repr(error)[:200]
    seconds, (_, peak) = time.monotonic() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if seconds > HANG or peak > MEMORY:
        outcome = f"takes {seconds:.1f} s and {peak >> 20} MiB"
    return outcome


def _are(network, arrays):
    return all(
        np.array_equal(weight, array) for weight, array in zip(network.weights, arrays, strict=True)
    )


if __name__ == "__main__":
    print(run(int(sys.argv[1]), int(sys.argv[2])))
