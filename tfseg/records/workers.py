"""One function over many items in several processes, the results in the items' order."""

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

AHEAD = 4  # items a worker may be ahead of whoever takes the results


def parallel(function, items, workers=None):
    """Yields `function(item)` for every item, in their order.

    Args:
        function: a function at the top of a module (or a `functools.partial` of one).
        items: what it is called with, one by one; they and the results must survive pickling.
        workers: processes; 1 works in this one, None takes one a core.
    """
    workers = workers or os.cpu_count()
    if workers == 1:
        yield from map(function, items)
        return
    # Spawned: a fork would inherit TensorFlow's threads and their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start)
    waiting, starting = deque(), None
    try:
        for item in items:
            if starting is None:
                starting = _without_main if _is_ours(function, item) else nullcontext
            with starting():  # a submission may start a process
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
    """Whether nothing of it is defined in the user's script."""
    return b"__main__" not in pickle.dumps(given)


@contextmanager
def _without_main():
    """Processes that are started inside do not run the user's script again.

    A script that calls `tfseg.convert` needs no `if __name__ == "__main__":` then.
    """
    main = sys.modules["__main__"]
    kept = {name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)}
    try:
        vars(main).update(dict.fromkeys(kept))
        yield
    finally:
        vars(main).update(kept)


def _start():
    """Ctrl-C is for the process that gave the work; when that dies, so does this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
