"""Prints here what processes of the cluster print.

Ray can do so too, but it adds its own messages and TensorFlow's to every line.
"""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import ray
from ray.util.queue import Queue


@contextmanager
def shown() -> Iterator[Queue]:
    """Inside, prints the (stream, text) that arrive in the yielded queue."""
    queue = Queue(actor_options={"num_cpus": 0})
    printing = threading.Thread(target=_print_all, args=(queue,), daemon=True)
    printing.start()
    try:
        yield queue
    finally:
        queue.put(None)
        printing.join()
        queue.shutdown()


@contextmanager
def sent(queue: Queue) -> Iterator[None]:
    """Inside, this process prints into a queue of `shown`."""
    with redirect_stdout(_Stream(queue, "stdout")), redirect_stderr(_Stream(queue, "stderr")):
        yield


def tell_if_busy(workers: int, gpus: int) -> None:
    """Says so if the cluster lacks the CPUs or GPUs for the workers: then Ray waits silently."""
    free = ray.available_resources()
    for kind, wanted in (("CPU", workers), ("GPU", workers * gpus)):
        if free.get(kind, 0) < wanted:
            print(f"waiting until {wanted} {kind}s are free; now {free.get(kind, 0):g} are")


class _Stream(io.TextIOBase):
    """The writing end of a queue."""

    def __init__(self, queue, name):
        self.queue, self.name = queue, name

    def write(self, text):
        self.queue.put((self.name, text))
        return len(text)


def _print_all(queue):
    while item := queue.get():
        name, text = item
        print(text, end="", file=getattr(sys, name), flush=True)
