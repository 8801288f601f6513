"""`predict` on a Ray cluster: processes with the network, each of which labels a few images."""

import os
from pathlib import Path
from typing import Any

import ray.data

from tfseg import storage
from tfseg.cluster.connection import connected, enter, gpus_of_worker
from tfseg.cluster.items import answers, attempt, listed, unpacked
from tfseg.cluster.output import tell_if_busy
from tfseg.config import PredictConfig
from tfseg.prediction import predict as here

CHUNK = 8  # images that a process gets at a time


def predict(config: PredictConfig) -> Path:
    """Predicts as `tfseg.prediction.predict` does, in `config.num_workers` processes.

    Raises `UserError` if the cluster does not answer, too.
    """
    with connected(config.ray):
        return here.predict(config, _label_all)


def _label_all(images, segmenter, config):
    """As `label_all`; the processes load the network themselves, `segmenter` has checked it."""
    flags = config.texts()
    for own in ("ray", "num_workers"):
        del flags[own]
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    workers, gpus = min(config.num_workers, len(chunks)), gpus_of_worker(config.gpu)
    tell_if_busy(workers, gpus)
    data = listed(chunks).map(
        _Labeller,
        fn_constructor_args=(flags, os.getcwd()),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=gpus or None,
    )
    for transparent in answers(data):
        yield from transparent


class _Labeller:
    """A process that has the network."""

    def __init__(self, flags: dict[str, str], folder: str) -> None:
        enter(folder)
        self.config = PredictConfig.of(**flags)
        with storage.local(self.config):
            self.segmenter = here.load_segmenter(self.config)

    def __call__(self, row: dict[str, bytes]) -> dict[str, Any]:
        return attempt(self._label, unpacked(row))

    def _label(self, images):
        return list(here.label_all(images, self.segmenter, self.config))
