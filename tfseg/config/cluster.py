"""The flags for a Ray cluster."""

from typing import Any

from tfseg.addresses import spelled
from tfseg.errors import UserError, require
from tfseg.flags import Config, flag

PACKAGES = ("ray", "pyarrow", "pandas")  # of the extra; plain `ray` does not install the others


def ray_flag() -> Any:
    return flag(None, "run on a Ray cluster; auto is that of this machine", choices=("auto",))


def check_cluster(config: Config, *shared: str) -> None:
    """Raises `UserError` if a package for --ray is missing, or a place is not a shared folder.

    `shared` are flags whose places each machine opens itself, so that addresses do not work.
    """
    if not config.ray:
        return
    for package in PACKAGES:
        require("--ray", package, "ray")
    for name in shared:
        place = spelled(str(getattr(config, name)))
        if "://" in place:
            raise UserError(
                f"--{name}={place} does not work with --ray; give a folder that all machines share"
            )
