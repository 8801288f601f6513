"""Conversions, killed at the n-th call into the system, and run again.

    from faults import conversions
    tries, failures = conversions.run("lmdb", count=30, seed=0)

By hand, from the folder `tests`: `python -m faults.conversions --count=100`. What the second
conversion leaves must be what one leaves that nothing stopped, to the last byte.
"""

import argparse
import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

FORMATS = ("tfrecord", "lmdb")
# Calls of C that change files, in Python, LMDB and TensorFlow.
CALLS = {
    "__exit__", "close", "commit", "flush", "fsync", "mkdir", "open", "put", "remove", "rename",
    "replace", "rmdir", "set_mapsize", "sync", "unlink", "write",
}  # fmt: skip


def run(format: str, count: int, seed: int) -> tuple[int, list[str]]:
    """(kills, what was not as it should be), in a process of its own, which forks."""
    command = [sys.executable, "-m", "faults.conversions", "--child", f"--format={format}"]
    command += [f"--count={count}", f"--seed={seed}"]
    paths = [str(Path(__file__).parents[1]), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    return found["kills"], found["failures"]


def _child(format, count, seed):
    # Once, and not after every fork.
    import tensorflow  # noqa: F401
    import tensorflow_datasets as tfds
    from helpers.records import digest

    assert all((tfds.folder_dataset, tfds.features.Image, tfds.core.SplitInfo))
    kills, failures = 0, []
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        _forked(_convert, whole, format)
        wanted = digest(whole)
        with open(Path(place, "calls"), "w+") as calls:
            _forked(_convert_counting, Path(place, "counted"), format, calls.fileno())
            calls.seek(0)
            total = int(calls.read())
        points = range(1, total + 1)
        for n in sorted(random.Random(seed).sample(points, min(count, total))):
            out = Path(place, f"killed{n}")
            kills += _forked(_convert_killed, out, format, n) == -signal.SIGKILL
            status = _forked(_convert, out, format)
            if status:
                failures.append(f"{format}, killed at call {n} of {total}: then {status}")
            elif (found := digest(out)) != wanted:
                names = sorted(k for k in wanted | found if wanted.get(k) != found.get(k))
                failures.append(f"{format}, killed at call {n} of {total}: other {names}")
    print(json.dumps({"kills": kills, "failures": failures}))


def _forked(function, *args):
    """The exit status of a function's process; of a signal, its negative number."""
    process = os.fork()
    if process == 0:
        status = 1
        with contextlib.suppress(BaseException), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            function(*args)
            status = 0
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _convert(out, format):
    from helpers.small import few_streets

    from tfseg.records.convert import convert

    with contextlib.redirect_stdout(io.StringIO()):
        convert(few_streets(2, 1), None, out, format=format, size=(32, 32), encoding="raw")


def _convert_counting(out, format, file):
    seen = _at_call(None)
    _convert(out, format)
    sys.setprofile(None)
    os.write(file, b"%d" % seen[0])


def _convert_killed(out, format, n):
    _at_call(n)
    _convert(out, format)


def _at_call(n):
    """Counts the calls of this process in a list of one number; at the n-th, it is killed."""
    seen = [0]

    def profile(frame, event, arg):
        if event == "c_call" and arg.__name__ in CALLS:
            seen[0] += 1
            if seen[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(profile)
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.child:
        _child(given.format, given.count, given.seed)
        return
    for format in [given.format] if given.format else FORMATS:
        kills, failures = run(format, given.count, given.seed)
        print(f"{format}: {kills} kills, {len(failures)} failures", *failures, sep="\n")


if __name__ == "__main__":
    main()
