"""Open files that the system allows the server, and the connections they are enough for."""

import os

from tfseg.errors import UserError

try:
    import resource
except ImportError:  # Windows, whose sockets are not counted so
    resource = None

BACKLOG = 64  # connections that the system may keep until they are accepted, all at once
RESERVED = 128  # refused connections that linger, the network's files, forms on disk, the log


def allow_connections(wanted, is_given):
    """Raises the process' limit on open files for that many connections.

    Returns:
        The connections that there are files for: fewer than `wanted`, and a line tells so, where
        the system allows no more and the user has not asked for them (`is_given`).

    Raises:
        UserError: where it allows too few.
    """
    if resource is None:
        return wanted
    others = BACKLOG + RESERVED + _open_files()
    soft, hard = (
        float("inf") if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft >= wanted + others:
        return wanted
    if hard >= wanted + others:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + others, _as_limit(hard)))
        return wanted
    if is_given or hard <= others:
        raise UserError(
            f"--connections={wanted} needs {wanted + others} open files, but the system allows "
            f"{hard}; raise its limit (ulimit -n) or choose fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"connections: {hard - others} at most, as the system allows {hard} open files")
    return hard - others


def _open_files():
    """The number of files that this process has open, or an estimate."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 32


def _as_limit(value):
    return resource.RLIM_INFINITY if value == float("inf") else value
