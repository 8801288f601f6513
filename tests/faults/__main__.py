"""Injects faults of every kind: `python -m tests.faults --minutes=30 --seed=1`.

Each kind runs in its own process: kills and full disks fork before TensorFlow runs anything.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

BATCH = 50  # tries between two checks of the time


def kills(count, seed):
    """Kills `convert`, `train`, `export` and `predict`."""
    from faults import kills

    return kills.run(count, seed)


def disks(count, seed):
    """Runs the same commands on disks that fill up."""
    from faults import disks

    return disks.run(count, seed)


def records(count, seed):
    """Reads records with flipped bits, truncated, or with odd metadata."""
    from faults import files

    return files.run(files.KINDS, count, seed)


def raw(count, seed):
    """Reads damaged raw data sets of every kind."""
    from faults import files

    return files.run(files.RAW, count, seed)


def checkpoints(count, seed):
    """Reads damaged checkpoints of every kind."""
    from faults import checkpoints

    return checkpoints.run(count, seed)


def requests(count, seed):
    """Sends mutated requests to a server."""
    import tempfile

    from helpers.serving import Server
    from helpers.small import few_streets
    from helpers.tiny import config

    import tfseg
    from faults import requests
    from tfseg.records.convert import convert
    from tfseg.training.fit import train

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "records")
        convert(few_streets(), None, folder, size=(48, 64))
        run = train(config(folder, Path(place, "run"), model="linknet", epochs=1))
        export = tfseg.export(run=run, output=Path(place, "linknet", "1"))
        server = Server(export.parent)
        try:
            return requests.run(("127.0.0.1", server.port), count, seed, server.log)
        finally:
            server.process.kill()


KINDS = {work.__name__: work for work in (kills, disks, records, raw, checkpoints, requests)}


def main():
    """Runs the requested kinds; exit code 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"{', '.join(KINDS)}; all by default")
    parser.add_argument("--minutes", type=float, help="for all kinds together")
    parser.add_argument("--count", type=int, help="tries of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if (asked.minutes is None) == (asked.count is None) or set(asked.kinds) - KINDS.keys():
        parser.error(f"give --minutes or --count, and kinds of {', '.join(KINDS)}")
    kinds = asked.kinds or list(KINDS)
    minutes = asked.minutes and asked.minutes / len(kinds)
    if len(kinds) == 1:
        sys.exit(_run(KINDS[kinds[0]], asked.count, asked.seed, minutes))
    amount = f"--minutes={minutes}" if minutes else f"--count={asked.count}"
    again = [sys.executable, "-m", "tests.faults", f"--seed={asked.seed}", amount]
    sys.exit(max(subprocess.run([*again, kind]).returncode for kind in kinds))


def _run(work, count, seed, minutes):
    """Returns 1 if something failed; without a count, runs new seeds until time is up."""
    end, failed = time.monotonic() + 60 * (minutes or 0), 0
    while True:
        report = work(count or BATCH, seed)
        print(report, flush=True)
        failed |= bool(report.failures)
        if time.monotonic() > end:
            return failed
        seed += 1


if __name__ == "__main__":
    main()
