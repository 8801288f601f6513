"""The system's limit on open files, and the connections that it allows."""

import os

from tfseg.errors import UserError

try:
    import resource
except ImportError:  # Windows, which does not count sockets as files
    resource = None

BACKLOG = 64  # connections that wait to be accepted
RESERVED = 128  # refused connections that linger, the network's files, uploads on disk, the log


def allow_connections(wanted, is_given):
    """Raises the process's limit on open files for that many connections.

    Returns:
        The possible number of connections. It is less than `wanted`, with a printed line, if the
        system allows no more and the user has not set the number (`is_given`).

    Raises:
        UserError: if the system allows too few.
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
    print(f"connections: at most {hard - others}, because the system allows {hard} open files")
    return hard - others


def _open_files():
    """The number of files that this process has open, or an estimate."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 32


def _as_limit(value):
    return resource.RLIM_INFINITY if value == float("inf") else value
