"""The server: serves a folder of versions until Ctrl-C."""

import logging
import signal
import socket
import sys
from functools import partial

import uvicorn

from tfseg import devices
from tfseg.errors import UserError
from tfseg.serving.access import EVERY_ADDRESS, Access, find_hosts, find_token
from tfseg.serving.app import make_app
from tfseg.serving.descriptors import BACKLOG, allow_connections
from tfseg.serving.metrics import Metrics
from tfseg.serving.protocol import Limits, Protocol
from tfseg.serving.runtimes import check_runtime
from tfseg.serving.service import Service
from tfseg.serving.versions import Versions


def serve(config):
    """Serves `config.export` (a `ServeConfig`) until SIGINT or SIGTERM, then finishes requests.

    Raises:
        UserError: for a folder without a version, an address that cannot be used, an invalid
            token, and more connections than the system allows.
    """
    check_runtime(config.runtime)
    access = Access(find_token(config), find_hosts(config), config.host in EVERY_ADDRESS)
    connections = allow_connections(config.connections, "connections" in config.given)
    devices.select(config.gpu, config.mem_frac)
    listener = listen(config.host, config.port)
    versions = Versions(config.export, config.runtime)
    service = Service(versions, config, Metrics())
    for strangers in ("uvicorn.error", "python_multipart"):  # do not log clients' invalid input
        logging.getLogger(strangers).setLevel(logging.ERROR)
    limits = Limits(connections, config.header_timeout, config.timeout)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(service, config, access),
            http=partial(Protocol, limits=limits),
            ws="none",
            backlog=BACKLOG,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=int(config.timeout) + 1,
        )
    )
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    print(f"{versions.name}, version {versions.current.number}: {address}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn sends it again at the end
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        versions.stop()
        service.batcher.close()


def listen(host, port):
    """A socket that listens at the address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(
            f"--host={host} --port={port}: cannot listen there ({error.strerror or error}); "
            "choose another"
        ) from None
    # Connections inherit it. asyncio sets it only on sockets that name their protocol; without it,
    # the body of an answer waits 40 ms until the client has acknowledged the header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
