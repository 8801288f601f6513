"""The flags for a Ray cluster."""

from typing import Any

from tfseg.addresses import spelled
from tfseg.errors import UserError, require
from tfseg.flags import Config, flag
from tfseg.parsing import ray_address

PACKAGES = ("ray", "pyarrow", "pandas")  # of the extra; plain `ray` does not install the others


def ray_flag() -> Any:
    text = "run on a Ray cluster: auto for that of this machine, or ray://HOST:10001"
    return flag(None, text, ray_address, resumable=True, silent=True)


def num_workers_flag() -> Any:
    text = "processes on the cluster of --ray, each with a copy of the network"
    return flag(None, text, int, low=1, resumable=True, silent=True)


def check_cluster(config: Config, *shared: str) -> None:
    """Raises `UserError` if the flags for a cluster are incomplete or its packages are missing.

    `shared` are flags whose places each machine opens itself, so that addresses do not work.
    """
    count = getattr(config, "num_workers", 0)
    if not config.ray:
        if count:
            raise UserError(f"--num_workers={count} needs --ray=auto; give both or neither")
        return
    for package in PACKAGES:
        require("--ray", package, "ray")
    if count is None:
        raise UserError("--ray needs --num_workers=N, such as --num_workers=2")
    for name in shared:
        place = spelled(str(getattr(config, name)))
        if "://" in place:
            raise UserError(
                f"--{name}={place} does not work with --ray; give a folder that all machines share"
            )
