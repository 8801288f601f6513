"""A Ray cluster of one machine, in processes of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from helpers.small import ROOT
from helpers.team import free_ports

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # as nice as the tests, no more
    "GRPC_ENABLE_FORK_SUPPORT": "0",  # with it, a client's server hangs now and then
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "1",
}
MEMORY = 100_000_000  # bytes that its objects may take


class Cluster:
    """How commands reach it: at its `address`, or by `auto`, which reads its `environment`."""

    def __init__(self, head, port, client_port):
        self.head = psutil.Process(head)
        self.address = f"ray://127.0.0.1:{client_port}"
        self.environment = {**ENVIRONMENT, "RAY_ADDRESS": f"127.0.0.1:{port}"}

    def command(self, *argv, **options):
        """The command line in a process of its own, with its output as text."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *map(str, argv)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def said(self, *argv, code=0, timeout=300, **options):
        """What a command says until it ends with `code`."""
        running = self.command(*argv, **options)
        try:
            text, _ = running.communicate(timeout=timeout)
        finally:
            running.kill()
        assert running.returncode == code, text[-4000:]
        return text

    def trainers(self):
        """The processes that train."""
        return [p for p in self.head.children(recursive=True) if "RayTrainWorker" in _title(p)]


def _title(process):
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def running(cpus: int = 2) -> Iterator[Cluster]:
    """Inside, a cluster runs."""
    port, client_port = free_ports(2)
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a socket's path has at most 107 bytes
    flags = {
        "port": port,
        "ray-client-server-port": client_port,
        "num-cpus": cpus,
        "object-store-memory": MEMORY,
        "include-dashboard": "false",
        "temp-dir": folder,
    }
    argv = ["start", "--head", "--block", *(f"--{name}={value}" for name, value in flags.items())]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *argv],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(head, folder)
        yield Cluster(head.pid, port, client_port)
    finally:
        every = psutil.Process(head.pid).children(recursive=True)
        head.send_signal(signal.SIGTERM)
        psutil.wait_procs(every, timeout=10)
        for process in every:
            if process.is_running():
                process.kill()
        head.kill()
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(head, folder, seconds=60):
    """Until the cluster says that it runs."""
    for _ in range(10 * seconds):
        assert head.poll() is None, "the cluster did not start"
        if os.path.exists(os.path.join(folder, "ray_current_cluster")):
            return
        time.sleep(0.1)
    raise AssertionError("the cluster did not start in time")
