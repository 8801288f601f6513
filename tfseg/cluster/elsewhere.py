"""Runs a whole command on a Ray cluster to which this machine does not belong.

Ray Data and Ray Train do not work through Ray's client, so a process of the cluster gives the
command there.
"""

import os
from collections.abc import Callable
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from tfseg.addresses import spelled
from tfseg.cluster.connection import again, connected, enter
from tfseg.cluster.items import ERRORS
from tfseg.cluster.output import sent, shown
from tfseg.errors import UserError
from tfseg.flags import Config
from tfseg.parsing import path


def run(command: Callable[..., Path], config: Config) -> Path:
    """The folder that `command` with the flags of `config` returns on the cluster `config.ray`.

    Raises the command's `UserError`, or one if the cluster does not answer.
    """
    flags = {name: text for name, text in config.texts().items() if name != "recipe"}
    with connected(config.ray), shown() as output:
        try:
            task = ray.remote(num_cpus=0, max_retries=0)(_run)
            return path(ray.get(task.remote(command, flags, os.getcwd(), output)))
        except KeyboardInterrupt as stop:
            raise type(stop)(f"the work on the cluster; {again(config)}") from None
        except ModuleNotFoundError as error:
            raise UserError(
                f"--ray={config.ray}: the cluster lacks {getattr(error, 'cause', error).name}; "
                f"install this version of the program on all its machines, with the extra `ray`"
            ) from None
        except RayTaskError as error:
            if isinstance(error.cause, ERRORS):
                raise error.cause from None
            raise
        except RayError as error:
            raise UserError(
                f"--ray={config.ray}: the process of the command died "
                f"({type(error).__name__}); {again(config)}"
            ) from None


def _run(command, flags, folder, output):
    enter(folder)
    with sent(output):
        return spelled(str(command(**{**flags, "ray": "auto"})))
