"""Connects to a Ray cluster."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from tfseg.errors import UserError


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Inside, Ray is connected to the cluster at `address`; "auto" is that of this machine.

    Raises `UserError` if none answers.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"--ray={address}: no Ray cluster answers ({reason}); start one with `ray start --head`"
        ) from None
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray has replaced it
        yield
    finally:
        ray.shutdown()


def enter(folder: str) -> None:
    """Changes to `folder`, in which the command was given. Raises `UserError`."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be entered on {socket.gethostname()} ({error.strerror}); give the "
            f"command in a folder that all machines of the cluster share"
        ) from None
