"""Maps a function over items in several processes, in order."""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext

import cv2

from tfseg.errors import UserError

AHEAD = 4  # items per worker that may wait for the consumer


def parallel(function, items, workers=None):
    """Yields `function(item)` for every item, in order.

    Args:
        function: a module-level function (or a `functools.partial` of one).
        items: its arguments; they and the results must be picklable.
        workers: processes; 1 uses this process, None takes one per core.
    """
    workers = workers or os.cpu_count()
    if workers == 1:
        yield from map(function, items)
        return
    # Spawn: a fork would inherit TensorFlow's threads and their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start)
    waiting, starting = deque(), None
    try:
        for item in items:
            if starting is None:
                starting = _without_main if _is_ours(function, item) else nullcontext
            with starting():  # submitting may start a process
                waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            f"a worker process died, probably out of memory; try --workers={max(1, workers // 2)}"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _is_ours(*given):
    """Whether none of the objects is defined in the user's script."""
    return b"__main__" not in pickle.dumps(given)


@contextmanager
def _without_main():
    """Keeps processes that start inside from running the user's script again.

    A script that calls `tfseg.convert` then needs no `if __name__ == "__main__":`.
    """
    main = sys.modules["__main__"]
    kept = {name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)}
    try:
        vars(main).update(dict.fromkeys(kept))
        yield
    finally:
        vars(main).update(kept)


def _start():
    """Leaves Ctrl-C to the parent process, and ends when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
