"""Maps a function over many items in tasks of a Ray cluster, with Ray Data."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import ray.data
from ray import cloudpickle

from tfseg.cluster.connection import enter, tell_if_busy
from tfseg.errors import UserError

ERRORS = (UserError, OSError)  # the command line shows these as one line


def parallel(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int | None = None
) -> Iterator[Any]:
    """Yields `function(item)` for every item, in their order, as `tfseg.records.workers` does.

    Args:
        function, items: these and the results must be picklable.
        workers: number of tasks at a time; None takes what the cluster has.
    """
    tell_if_busy(workers or 1)
    yield from answers(
        listed(items).map(_answer, fn_args=(function, os.getcwd()), concurrency=workers)
    )


def listed(items: Iterable[Any]) -> ray.data.Dataset:
    """A data set with one row per item; results keep their order."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False  # ours counts frames
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # hides its execution plans
    return ray.data.from_items([packed(item) for item in items])


def packed(value: Any) -> dict[str, bytes]:
    """A row that holds any value; columns take only numbers and bytes."""
    return {"item": cloudpickle.dumps(value)}


def unpacked(row: dict[str, bytes]) -> Any:
    return cloudpickle.loads(row["item"])


def answers(data: ray.data.Dataset) -> Iterator[Any]:
    """The values of a data set's rows. Raises the first error among them."""
    for value in map(unpacked, data.iter_rows()):
        if isinstance(value, ERRORS):
            raise value
        yield value


def attempt(function: Callable[..., Any], *arguments: Any) -> dict[str, bytes]:
    """A row with the result of a function, or with its error, which Ray would wrap."""
    try:
        return packed(function(*arguments))
    except ERRORS as error:
        return packed(error)


def _answer(row, function, folder):
    cv2.setNumThreads(1)  # Ray gives a task one core
    return attempt(_in_folder, folder, function, unpacked(row))


def _in_folder(folder, function, item):
    enter(folder)
    return function(item)
