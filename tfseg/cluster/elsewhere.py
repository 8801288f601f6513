"""Runs a whole command on a Ray cluster to which this machine does not belong.

Ray Data and Ray Train do not work through Ray's client, so a process of the cluster gives the
command there.
"""

import os
from collections.abc import Callable
from pathlib import Path

import ray
from ray.exceptions import RayTaskError

from tfseg.addresses import spelled
from tfseg.cluster.connection import connected, enter, stopped
from tfseg.cluster.output import sent, shown
from tfseg.errors import UserError
from tfseg.parsing import path


def run(command: Callable[..., Path], flags: dict[str, str]) -> Path:
    """The folder that `command(**flags)` returns on the cluster at `flags["ray"]`.

    Raises the command's `UserError`, or one if the cluster does not answer.
    """
    with connected(flags["ray"]), shown() as output:
        task = ray.remote(num_cpus=0, max_retries=0)(_run)
        try:
            return path(ray.get(task.remote(command, flags, os.getcwd(), output)))
        except KeyboardInterrupt as stop:
            raise type(stop)(stopped(flags)) from None
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            if isinstance(error.cause, ModuleNotFoundError):
                raise UserError(
                    f"the cluster lacks {error.cause.name}: install this version of the program "
                    f"on all its machines, with the extra `ray`"
                ) from None
            raise


def _run(command, flags, folder, output):
    enter(folder)
    with sent(output):
        return spelled(str(command(**{**flags, "ray": "auto"})))
