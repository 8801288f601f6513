"""Faults of every kind, for as long as you like: `python -m tests.faults --minutes=30 --seed=1`.

Each kind runs in a process of its own: kills and full disks fork before TensorFlow runs anything.
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

KINDS = ("kills", "disks")
MANY = 10**9


def main():
    """Runs the kinds that are asked for; exit code 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS, help=f"of {', '.join(KINDS)}; all")
    parser.add_argument("--minutes", type=float, help="for all kinds together")
    parser.add_argument("--count", type=int, default=MANY, help="tries of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.minutes is None and asked.count == MANY:
        parser.error("give --minutes or --count")
    share = asked.minutes and asked.minutes / len(asked.kinds)
    if len(asked.kinds) == 1:
        sys.exit(_run(asked.kinds[0], asked.count, asked.seed, share))
    flags = [f"--seed={asked.seed}", f"--count={asked.count}"]
    flags += [f"--minutes={share}"] if share else []
    again = [sys.executable, "-m", "tests.faults", *flags]
    sys.exit(max(subprocess.run([*again, kind]).returncode for kind in asked.kinds))


def _run(kind, count, seed, minutes):
    from importlib import import_module

    report = import_module(f"faults.{kind}").run(count, seed, minutes=minutes)
    print(report)
    return bool(report.failures)


if __name__ == "__main__":
    main()
