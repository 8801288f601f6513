"""A local server with S3's protocol, and a line to it that can break and be slow."""

import logging
import socket
import threading
import time
from contextlib import contextmanager, suppress

KEYS = {
    "AWS_ACCESS_KEY_ID": "one",
    "AWS_SECRET_ACCESS_KEY": "two",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Line:
    """A TCP proxy: waits `pause` seconds before each piece; cuts the next `cuts` large ones."""

    def __init__(self, port):
        self._port, self.pause, self.cuts, self.carried = port, 0.0, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def environment(self):
        return {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source, target, answers):
        with suppress(OSError):
            while data := source.recv(4096):
                time.sleep(self.pause)
                if self.cuts and len(data) == 4096:  # in the middle of a file
                    self.cuts -= 1
                    target.sendall(data[:1000])
                    break
                target.sendall(data)
                self.carried += len(data) * answers
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def served(make=("data",)):
    """Runs a server with empty buckets, and the `Line` to it."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    line = Line(server.get_host_and_port()[1])
    endpoint = line.environment["AWS_ENDPOINT_URL"]
    system = s3fs.S3FileSystem(
        key="one", secret="two", endpoint_url=endpoint, use_listings_cache=False
    )
    for name in make:
        system.mkdir(name)
    line.system = system
    try:
        yield line
    finally:
        line.close()
        server.stop()


def emptied(monkeypatch, tmp_path, name="elsewhere"):
    """Empties the cache, as on another machine."""
    monkeypatch.setenv("TFSEG_CACHE", str(tmp_path / name))
