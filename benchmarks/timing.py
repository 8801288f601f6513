"""Timing of benchmarks: contenders take turns, and the median of each counts.

Turns spread disturbances of the machine over all contenders, and medians ignore those of a single
run. Contenders with competing thread pools run in separate processes.
"""

import os
import statistics
import subprocess
import sys
import time


class Turns:
    """The seconds of contenders, turn by turn.

    Example:
        >>> turns = Turns()
        >>> for image in images * rounds:
        ...     results = turns.take({"ours": ours, "theirs": theirs}, image)
        >>> turns.medians(lambda seconds: 1000 * seconds)
    """

    def __init__(self):
        self._seconds = {}

    def take(self, contenders, *arguments):
        """Runs each of {title: function} once; returns {title: result}."""
        results = {}
        for title, run in contenders.items():
            seconds, results[title] = timed(run, *arguments)
            self.add(title, seconds)
        return results

    def add(self, title, seconds):
        """Adds a turn that was timed elsewhere."""
        self._seconds.setdefault(title, []).append(seconds)

    def medians(self, figure=float):
        """{title: median of figure(seconds)} in the order of the first turn."""
        return {
            title: statistics.median(map(figure, every)) for title, every in self._seconds.items()
        }


def timed(run, *arguments):
    """(seconds, result) of one call."""
    start = time.perf_counter()
    result = run(*arguments)
    return time.perf_counter() - start, result


def start_process(module, *arguments):
    """Starts a contender's process and waits until it is ready; None if it did not start.

    `python -m benchmarks.MODULE ARGUMENTS` must end in `answer_turns`.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    # A runtime may print lines of its own first.
    ready = any(line.strip() == "ready" for line in iter(process.stdout.readline, ""))
    return process if ready else None


def answer_turns(run, runs, warm_up, untimed=0):
    """The contender's side: for every line it reads, it prints the seconds per run of `runs` runs.

    `untimed` runs come first, to bring its data back into the caches.
    """
    for _ in range(warm_up):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        for _ in range(untimed):
            run()
        seconds, _ = timed(lambda: [run() for _ in range(runs)])
        print(seconds / runs, flush=True)


def take_process_turns(processes, rounds, pause=0.0):
    """The `Turns` of {title: process}, `pause` seconds apart; ends the processes."""
    turns = Turns()
    for _ in range(rounds):
        for title, process in processes.items():
            time.sleep(pause)
            process.stdin.write("\n")
            process.stdin.flush()
            turns.add(title, float(process.stdout.readline()))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return turns
