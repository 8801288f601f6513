"""Gathers requests into batches; one thread runs them through the network."""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Full

import numpy as np


@dataclass(eq=False)
class Job:
    """A request for one signature of a version; `future` gets {output: array}.

    Inputs {name: array} and outputs have the same first dimension. `pixels` is the total of all
    images.
    """

    version: object
    signature: str
    inputs: dict
    pixels: int
    future: Future = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)

    def __post_init__(self):
        self.images = len(next(iter(self.inputs.values())))
        shapes = tuple((name, array.shape[1:]) for name, array in sorted(self.inputs.items()))
        self.kind = (id(self.version), self.signature, shapes)


class Batcher:
    """A queue of jobs and the thread that runs them.

    Args:
        max_images: most images of equal size in a batch.
        max_pixels: most pixels in a batch of several jobs.
        max_waiting: most pixels that may wait in the queue.
        gather: seconds that a job waits for others of its kind while the network is idle.
        observe: called with the number of images and the seconds of every batch.
    """

    def __init__(self, max_images, max_pixels, max_waiting, gather, observe=lambda *_: None):
        self._max_images, self._max_pixels, self._max_waiting = max_images, max_pixels, max_waiting
        self._gather, self._observe = gather, observe
        self._waiting, self._closed = [], False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    def is_full(self, pixels):
        """Whether the queue has no room for so many more pixels."""
        with self._changed:
            waiting = sum(job.pixels for job in self._waiting)
        return waiting + pixels > self._max_waiting

    def submit(self, job):
        """Queues a job and returns its future. Raises `queue.Full`."""
        with self._changed:
            if self.is_full(job.pixels):
                raise Full
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def __len__(self):
        return len(self._waiting)

    def close(self):
        """Ends the thread after all waiting jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self):
        while jobs := self._next_batch():
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._answer(jobs)

    def _next_batch(self):
        """The oldest job and others of its kind; empty when closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            first = self._waiting[0]
            deadline = first.arrived + self._gather
            while True:
                jobs, full = self._alike(first)
                left = deadline - time.monotonic()
                if full or self._closed or left <= 0 or len(jobs) < len(self._waiting):
                    break
                self._changed.wait(left)
            self._waiting = [job for job in self._waiting if job not in jobs]
            return jobs

    def _alike(self, first):
        """(jobs that can run with `first`, whether the batch is full)."""
        most = 1 if first.version.single else self._max_images
        jobs, images, pixels = [first], first.images, first.pixels
        for job in self._waiting:
            if job is first or job.kind != first.kind:
                continue
            if images + job.images > most or pixels + job.pixels > self._max_pixels:
                return jobs, True
            jobs.append(job)
            images, pixels = images + job.images, pixels + job.pixels
        return jobs, images >= most or pixels + first.pixels > self._max_pixels

    def _answer(self, jobs):
        start = time.monotonic()
        try:
            outputs = _run_together(jobs)
        except Exception as error:  # the request gets any error of the network
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            for job in jobs:  # one failing image must not fail the others
                self._answer([job])
            return
        self._observe(sum(job.images for job in jobs), time.monotonic() - start)
        for job, output in zip(jobs, outputs, strict=True):
            job.future.set_result(output)


def _run_together(jobs):
    """[{output: array}] of the jobs, from one run of the network."""
    first = jobs[0]
    inputs = first.inputs
    if len(jobs) > 1:
        inputs = {name: np.concatenate([job.inputs[name] for job in jobs]) for name in inputs}
    outputs = first.version.run(first.signature, inputs)
    ends = np.cumsum([job.images for job in jobs])
    return [
        {name: array[end - job.images : end] for name, array in outputs.items()}
        for job, end in zip(jobs, ends, strict=True)
    ]
