"""Connects to a Ray cluster."""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray
import ray.util.client

from tfseg.addresses import spelled
from tfseg.config import PredictConfig, TrainConfig
from tfseg.errors import Terminated, UserError
from tfseg.flags import Config

_MENDS = {"auto": "start one with `ray start --head`, or give --ray=ray://HOST:10001"}
_MEND = "check the host and the port, and that the cluster has this version of Ray and Python"


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Inside, Ray is connected to the cluster at `address`.

    "auto" is the cluster of this machine; a process of a cluster is connected already. Raises
    `UserError` if no cluster answers.
    """
    if ray.is_initialized():
        if address != "auto" or ray.util.client.ray.is_connected():
            raise UserError(
                f"--ray={address}: this process is connected to another Ray cluster; call "
                f"ray.shutdown() first"
            )
        yield
        return
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        _initialise(address)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
        raise UserError(
            f"--ray={address}: no Ray cluster answers ({reason}); {_MENDS.get(address, _MEND)}"
        ) from None
    terminated = threading.Event()

    def terminate(number, frame):
        terminated.set()
        handlers[signal.SIGTERM](number, frame)

    try:
        _restore(handlers)  # Ray has replaced SIGTERM's
        if callable(handlers[signal.SIGTERM]):
            _restore({signal.SIGTERM: terminate})
        yield
    except KeyboardInterrupt as stop:
        if terminated.is_set():  # Ray's core raises a plain KeyboardInterrupt instead
            raise Terminated(str(stop)) from None
        raise
    finally:
        ray.shutdown()
        _restore(handlers)  # Ray Train has replaced SIGINT's


def _initialise(address, attempts=3):
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says the same
            ray.init(address, logging_level=logging.WARNING, log_to_driver=False)
    except ConnectionError as error:
        # The process that Ray forks for a client hangs now and then; its next one works.
        if attempts == 1 or "client server failed" not in str(error):
            raise
        _initialise(address, attempts - 1)


def _restore(handlers):
    if threading.current_thread() is threading.main_thread():
        for kind, handler in handlers.items():
            signal.signal(kind, handler)


def gpus_of_worker(gpu: tuple[int, ...]) -> int:
    """How many GPUs a worker with `--gpu=gpu` asks for: none if the cluster has none."""
    return len(gpu) if ray.cluster_resources().get("GPU") else 0


def tell_if_busy(workers: int, gpus: int = 0) -> None:
    """Says so if too few CPUs or GPUs are free to start so many workers: Ray waits silently."""
    every, free = ray.cluster_resources(), ray.available_resources()
    for kind, wanted in (("CPU", workers), ("GPU", workers * gpus)):
        total, now = every.get(kind, 0), free.get(kind, 0)
        if now < wanted:
            until = "more machines" if total < wanted else "others to end"
            needs = f"{wanted} {kind}{'s' * (wanted > 1)}"
            print(f"waiting for {until}: needs {needs}; {now:g} of {total:g} free", flush=True)


def worker_flags(config: TrainConfig | PredictConfig) -> dict[str, str]:
    """The flags of one worker as text: without the cluster's, and with Ray's numbers of GPUs."""
    flags = config.texts()
    for own in ("ray", "num_workers", "recipe"):
        flags.pop(own, None)
    if config.gpu and "gpu" in flags:
        flags["gpu"] = ",".join(map(str, range(len(config.gpu))))
    return flags


def enter(folder: str) -> None:
    """Changes to `folder`, in which the command was given. Raises `UserError`."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be entered on {socket.gethostname()} ({error.strerror}); give the "
            f"command in a folder that all machines of the cluster share"
        ) from None


def again(config: Config) -> str:
    """How to continue a command that has stopped on a cluster."""
    run = getattr(config, "resume", None) or getattr(config, "savedir", None)
    if run is None:
        return "give the same command again"
    return (
        f"continue: train --resume={spelled(str(run))} --ray={config.ray} "
        f"--num_workers={config.num_workers}; before the first checkpoint, give the same command "
        f"again"
    )
