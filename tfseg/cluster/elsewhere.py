"""Runs a whole command on a Ray cluster to which this machine does not belong.

Ray Data and Ray Train do not work through Ray's client, so a process of the cluster gives the
command there.
"""

import os
from pathlib import Path

import ray
from ray.exceptions import RayTaskError

from tfseg.addresses import spelled
from tfseg.cluster.connection import connected, enter
from tfseg.cluster.output import sent, shown
from tfseg.errors import UserError
from tfseg.parsing import path


def run(name: str, address: str, flags: dict[str, str]) -> Path:
    """The folder that a command answers, given on the cluster at `address` with `flags` as text.

    Raises the command's `UserError`, or one if the cluster does not answer.
    """
    with connected(address), shown() as output:
        task = ray.remote(num_cpus=0, max_retries=0)(_run)
        try:
            return path(ray.get(task.remote(name, flags, os.getcwd(), output)))
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            if isinstance(error.cause, ModuleNotFoundError):
                raise UserError(
                    f"the cluster lacks {error.cause.name}: install this version of the program "
                    f"on all its machines, with the extra `ray`"
                ) from None
            raise


def _run(name, flags, folder, output):
    from tfseg.commands import COMMANDS

    enter(folder)
    with sent(output):
        return spelled(str(COMMANDS[name](**{**flags, "ray": "auto"})))
