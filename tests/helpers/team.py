"""Processes on 127.0.0.1 that train a tiny network together."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack

from helpers import tiny
from helpers.small import ROOT

SETTINGS = {
    "model": tiny.NAME,
    "batch_size": 2,
    "gpu": -1,
    "precision": "float32",
    "workers": 1,
    "pictures": 1,
    "loss": "lovasz",  # not compiled
    "class_weights": "none",
    "freeze_batch_norm": True,
}


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start(count, logs, **flags):
    """Starts `train` in `count` processes; worker i's output goes to `logs / f"{i}.txt"`."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    argv = ["train", *(f"--{name}={value}" for name, value in flags.items())]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "helpers.tiny", *argv],
            cwd=ROOT,
            env={**tiny.ENVIRONMENT, "TF_CONFIG": _tf_config(cluster, index)},
            stdout=(logs / f"{index}.txt").open("w"),
            stderr=subprocess.STDOUT,
        )
        for index in range(count)
    ]


def _tf_config(cluster, index):
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


def ended(processes, timeout=200):
    """The exit codes; kills processes that do not end in time."""
    try:
        return [process.wait(timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
