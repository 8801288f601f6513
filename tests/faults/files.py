"""Mutates data sets on disk and reads them.

    from faults import files
    report = files.run(files.KINDS, count=150, seed=0)
    assert not report.failures, report

Mutant `i` of a seed is the same in every run. By hand, from the folder `tests`:
`python -m faults.files --count=1000 --seed=0`, with `--kinds=raw` for every raw data set. A
separate process reads the mutants, because damaged files have crashed processes.
"""

import argparse
import collections
import contextlib
import io
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpers.raw_folders import EVERY

from .damage import mutations
from .exports import EXPORTS

HANG = 20  # seconds per mutant
DEAF = 90  # seconds after which a process that does not react to the alarm is killed
WAYS = ("read", "read", "skip", "skip", "batches", "verify", "inspect", "convert")
RECORDS = ("tfrecord-png", "tfrecord-jpeg", "tfrecord-raw", "lmdb-png", "lmdb-raw")
RAW = ("folder", "lists", *EXPORTS, *(draw.__name__ for draw in EVERY))
KINDS = (*RECORDS, "folder", "lists")


@dataclass
class Report:
    """The results of all mutants.

    Attributes:
        tries: mutants read.
        outcomes: {(kind, outcome): count}: "sound", "refused", "skipped" (some examples),
            "otherwise" (a changed text with another valid meaning).
        failures: one line for each traceback, hang, crash, and changed pixel.
    """

    tries: int = 0
    outcomes: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self):
        head = f"{self.tries} mutants, {len(self.failures)} failures"
        counts = [f"{kind} {what}: {n}" for (kind, what), n in sorted(self.outcomes.items())]
        return "\n".join([head, *counts, *self.failures])


def run(kinds: Sequence[str], count: int, seed: int) -> Report:
    """Reads `count` mutants of data sets of the `kinds` in turn, and reports failures."""
    report = Report()
    while report.tries < count:
        _run_some(kinds, count, seed, report)
    return report


def _run_some(kinds, count, seed, report):
    """Reads mutants in one process until all are read or it crashes."""
    command = [sys.executable, "-m", "faults.files", "--child", f"--first={report.tries}"]
    command += [f"--count={count}", f"--seed={seed}", f"--kinds={','.join(kinds)}"]
    paths = [str(Path(__file__).parents[1]), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1"}
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        text=True, env=env,
    )  # fmt: skip
    current = "before the first mutant"
    with child:
        while report.tries < count:
            heard = select.select([child.stdout], [], [], DEAF)[0]
            line = child.stdout.readline() if heard else ""
            if line.startswith("begin "):
                current = line[6:].strip()
            elif line.startswith("end "):
                _, kind, outcome, why = line.rstrip("\n").split(" ", 3)
                report.tries += 1
                report.outcomes[kind, outcome] += 1
                if outcome == "failed":
                    report.failures.append(f"{current}: {why}")
            elif not line:
                child.kill()
                child.wait()
                how = f"ended by {child.returncode}" if heard else "hung"
                report.failures.append(f"{current}: the process {how}")
                if current.startswith("before"):
                    raise RuntimeError(f"{command} does not start")
                report.tries += 1
                return
        child.kill()


def _child(kinds, first, count, seed):
    """Reads mutants and prints each result to stdout; other output is captured."""
    from . import reading

    told = os.fdopen(os.dup(1), "w", buffering=1, errors="backslashreplace")
    signal.signal(signal.SIGALRM, _hung)
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(io.StringIO()):
        place = Path(place)
        sets = {kind: reading.DataSet(kind, place / "whole" / kind) for kind in kinds}
        for i in range(first, count):
            kind, rng = kinds[i % len(kinds)], random.Random(f"{seed} {i}")
            folder = place / "mutant"
            shutil.copytree(sets[kind].folder, folder, symlinks=True)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            path, way = rng.choice(files), rng.choice(WAYS)
            mutate = rng.choice(mutations(path))
            name = path.relative_to(folder)
            told.write(f"begin {seed}/{i} {kind}, {mutate.__name__} of {name}, {way}\n")
            mutate(rng, path)
            signal.alarm(HANG)
            outcome, why = _outcome(sets[kind], folder, path, way)
            signal.alarm(0)
            told.write(f"end {kind} {outcome} {' '.join(why.split())[:300]}\n")
            shutil.rmtree(folder)


def _hung(*_):
    raise TimeoutError("the alarm rang")


def _outcome(data_set, folder, path, way):
    from tfseg.errors import UserError

    try:
        return data_set.use(folder, path, way), ""
    except UserError as error:
        if "\n" in error.typed or not (
            str(folder.parent) in error.typed or path.name in error.typed
        ):
            return "failed", f"not one line that names the file: {error.typed!r}"
        return "refused", error.typed
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {error} ({_place(error)})"


def _place(error):
    """The last line of the project in an error's traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "tfseg" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no frame"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    given = parser.parse_args()
    kinds = RAW if given.kinds == "raw" else given.kinds.split(",")
    if given.child:
        _child(kinds, given.first, given.count, given.seed)
    else:
        print(run(kinds, given.count, given.seed))


if __name__ == "__main__":
    main()
