"""Prints here what processes of the cluster print.

Ray can do so too, but it prefixes every line, and adds its own messages and TensorFlow's.
"""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress

from ray.exceptions import RayError
from ray.util.queue import Queue

_LOST = (RayError, ConnectionError)  # the cluster has gone; whoever waits for it says so


@contextmanager
def shown() -> Iterator[Queue]:
    """Inside, prints every (stream, text) that arrives in the yielded queue."""
    queue = Queue(actor_options={"num_cpus": 0})
    printing = threading.Thread(target=_print_all, args=(queue,), daemon=True)
    printing.start()
    try:
        yield queue
    finally:
        with suppress(*_LOST):
            queue.put(None)
            printing.join()
            queue.shutdown()


@contextmanager
def sent(queue: Queue) -> Iterator[None]:
    """Inside, this process prints into a queue of `shown`."""
    with redirect_stdout(_Stream(queue, "stdout")), redirect_stderr(_Stream(queue, "stderr")):
        yield


class _Stream(io.TextIOBase):
    """The writing end of a queue."""

    def __init__(self, queue, name):
        self.queue, self.name = queue, name

    def write(self, text):
        self.queue.put((self.name, text))
        return len(text)


def _print_all(queue):
    with suppress(*_LOST):
        while item := queue.get():
            name, text = item
            print(text, end="", file=getattr(sys, name), flush=True)
