"""`predict` on a Ray cluster: processes with the network, each of which labels a few images."""

import os
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import ray.data

from tfseg import storage
from tfseg.cluster.connection import connected, enter, gpus_of_worker, tell_if_busy, worker_flags
from tfseg.cluster.items import answers, attempt, listed, unpacked
from tfseg.config import PredictConfig
from tfseg.prediction import predict as here

CHUNK = 8  # most images that a process gets at a time


def predict(config: PredictConfig) -> Path:
    """Does what `tfseg.prediction.predict` does, in `config.num_workers` processes.

    Also raises `UserError` if the cluster does not answer.
    """
    with connected(config.ray):
        # The GPUs are for the workers.
        own = config.replace(gpu=(), mem_frac=None)
        return here.predict(own, partial(_label_all, config))


def _label_all(config, images, segmenter, _):
    """`label_all` in processes that load the network; `segmenter` has checked that they can."""
    gpus = gpus_of_worker(config.gpu)
    tell_if_busy(1, gpus)
    size = max(1, min(CHUNK, len(images) // config.num_workers))
    data = listed(images[i : i + size] for i in range(0, len(images), size)).map(
        _Labeller,
        fn_constructor_args=(worker_flags(config), os.getcwd()),
        compute=ray.data.ActorPoolStrategy(size=min(config.num_workers, len(images))),
        num_cpus=1,
        num_gpus=gpus or None,
    )
    for transparent in answers(data):
        yield from transparent


class _Labeller:
    """A process with the network, which it loads for its first images: Ray wraps errors before."""

    def __init__(self, flags: dict[str, str], folder: str) -> None:
        self.flags, self.folder = flags, folder

    def __call__(self, row: dict[str, bytes]) -> dict[str, Any]:
        return attempt(self._label, unpacked(row))

    def _label(self, images):
        return list(here.label_all(images, *self._loaded))

    @cached_property
    def _loaded(self):
        """The `Segmenter` and the config."""
        enter(self.folder)
        config = PredictConfig.of(**self.flags)
        with storage.local(config):
            return here.load_segmenter(config), config
