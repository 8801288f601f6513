"""What commands can be told about a Ray cluster."""

from typing import Any

from tfseg.addresses import spelled
from tfseg.errors import UserError, require
from tfseg.flags import Config, flag

PACKAGES = ("ray", "pyarrow", "pandas")  # of the extra; plain `ray` comes without the others


def ray_flag() -> Any:
    return flag(None, "do the work on a Ray cluster: auto is this machine's", choices=("auto",))


def check_cluster(config: Config, *shared: str) -> None:
    """Raises `UserError` where --ray lacks a package, or a place that all machines can open.

    `shared` are flags whose places they open themselves, so that addresses will not do.
    """
    if not config.ray:
        return
    for package in PACKAGES:
        require("--ray", package, "ray")
    for name in shared:
        place = spelled(str(getattr(config, name)))
        if "://" in place:
            raise UserError(f"--{name}={place} beside --ray; give a folder that all machines share")
