"""Connects the routes to the network: decoding, the queue, and errors as HTTP."""

import asyncio
import os
from queue import Full

import anyio
import tensorflow as tf
from fastapi import HTTPException

from tfseg.serving.answers import busy
from tfseg.serving.batcher import Batcher, Job

# On two cores, LinkNet takes half the time per image for a batch of eight of 96×128, but batches
# of 256×256 and more take longer than single images.
CPU_BATCH_PIXELS = 2**17
WAITING = 8  # decoded requests of the largest size that may wait
DECODING = 4  # bodies of the largest size that may wait to be decoded
STATUS = {  # TensorFlow Serving's status of TensorFlow's errors
    tf.errors.InvalidArgumentError: 400,
    tf.errors.FailedPreconditionError: 400,
    tf.errors.OutOfRangeError: 400,
    tf.errors.UnimplementedError: 501,
    tf.errors.ResourceExhaustedError: 503,
}


class Service:
    """State shared by the routes.

    Attributes:
        versions: a `tfseg.serving.versions.Versions`.
        batcher: the queue before the network.
        max_bytes, max_pixels: limits of a request.
    """

    def __init__(self, versions, config, metrics):
        self.versions, self.metrics = versions, metrics
        on_gpu = bool(tf.config.get_visible_devices("GPU"))
        self.max_bytes, self.max_pixels = config.max_bytes, config.max_pixels
        self.batcher = Batcher(
            config.batch_size,
            max_pixels=config.max_pixels if on_gpu else CPU_BATCH_PIXELS,
            max_waiting=WAITING * config.max_pixels,
            gather=config.gather / 1000,
            observe=metrics.batch,
        )
        metrics.watch(lambda: len(self.batcher), lambda: versions.current)
        self._threads = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._decoding = 0  # bytes

    def is_busy(self, size):
        """Whether there is no room in the queues for a body of `size` bytes."""
        crowded = self._decoding and self._decoding + size > DECODING * self.max_bytes
        return bool(crowded) or self.batcher.is_full(self.max_pixels)

    async def decode(self, function, data, *arguments):
        """As `compute`, for a request's body; refuses it with 503 before the work, if busy."""
        if self.is_busy(len(data)):
            raise busy()
        self._decoding += len(data)
        try:
            return await self.compute(self._decode, function, data, *arguments)
        finally:
            self._decoding -= len(data)

    def _decode(self, function, *arguments):
        if self.batcher.is_full(self.max_pixels):  # it may have filled up meanwhile
            raise busy()
        return function(*arguments)

    async def compute(self, function, *arguments):
        """Runs a CPU-bound function in a thread, with at most one thread per core."""
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._threads)

    async def run(self, version, signature, inputs, pixels):
        """Runs a signature: {input: array} -> {output: array}. Raises `HTTPException`."""
        if pixels > self.max_pixels:
            raise HTTPException(
                413, f"the images have {pixels} pixels; this server takes {self.max_pixels}"
            )
        if not version.size:
            _check_sides(version.labels["smallest"], inputs)
        try:
            job = Job(version, signature, inputs, pixels)
            return await asyncio.wrap_future(self.batcher.submit(job))
        except Full:
            raise busy() from None
        except tf.errors.OpError as error:
            raise HTTPException(STATUS.get(type(error), 500), _line(error)) from None


def _check_sides(smallest, inputs):
    """Refuses pixels too small for the network; for files, its graph checks that."""
    for array in inputs.values():
        if array.ndim == 4 and min(array.shape[1:3]) < smallest:
            height, width = array.shape[1:3]
            raise HTTPException(
                400,
                f"the image has {height}x{width} pixels (height x width); "
                f"the network needs {smallest} a side",
            )


def _line(error):
    """The error message without the names of graph nodes."""
    lines = error.message.partition("\n\t [[")[0].splitlines()
    return lines[-1][:200] if lines else type(error).__name__
