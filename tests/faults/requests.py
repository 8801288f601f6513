"""Sends mutated HTTP requests to a running server.

    from faults import requests
    report = requests.run(("127.0.0.1", 8501), count=1000, seed=0, log=server.log)
    assert not report.failures, report

Request `i` of a seed is the same in every run: `draw(seed, i, model)` gives its bytes.
"""

import base64
import collections
import contextlib
import io
import json
import random
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .mutations import MUTATIONS, Draft

CLIENTS = 4  # fewer than the server accepts at once, so that it never refuses as overloaded
HANG = 10.0  # seconds without an answer
PATIENCE = 1.5  # seconds after which a client closes its side
OVERLOADED = (503, 504)


@dataclass
class Report:
    """The results of all requests.

    Attributes:
        tries: requests sent.
        statuses: {status: count}; "closed" is a connection closed without an answer.
        failures: one line for each request answered with a 5xx other than 503 and 504, or not
            within `HANG` seconds, and for each traceback in the log.
    """

    tries: int = 0
    statuses: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self):
        counts = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items(), key=str))
        head = f"{self.tries} requests, {len(self.failures)} failures ({counts})"
        return "\n".join([head, *self.failures])


def run(
    server_address: tuple[str, int],
    count: int,
    seed: int,
    log: Sequence[str] = (),
    model: str = "linknet",
) -> Report:
    """Sends `count` mutated requests and reports failures.

    Args:
        server_address: host and port of a `serve` without a token.
        count: number of requests.
        seed: random seed of the mutations.
        log: the lines that the server has written; may grow meanwhile.
        model: name of the served model.

    Raises:
        AssertionError: if the server does not answer as before at the end.
    """
    report, before = Report(), _mask(server_address)

    def one(index):
        raw, told = draw(seed, index, model)
        return f"seed {seed}, request {index} ({told})", *_answer(server_address, raw)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for name, status, seconds in pool.map(one, range(count)):
            report.tries += 1
            report.statuses[status] += 1
            if isinstance(status, int) and status >= 500 and status not in OVERLOADED:
                report.failures.append(f"{name}: {status}")
            if status == "hangs":
                report.failures.append(f"{name}: no answer in {seconds:.0f} s")
    report.failures += [f"log: {line.strip()}" for line in log if "Traceback" in line]
    assert _mask(server_address) == before, "the server labels an image otherwise than before"
    return report


def draw(seed: int, index: int, model: str) -> tuple[bytes, str]:
    """(the bytes of a request, the names of its mutations)."""
    rng = random.Random(f"{seed}-{index}")
    draft = rng.choice(DRAFTS)(rng, model)
    chosen = [rng.choice(MUTATIONS) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    for mutate in chosen:
        mutate(rng, draft)
    names = " + ".join(mutate.__name__ for mutate in chosen)
    return draft.raw(rng), f"{draft.kind}, {names}"


def _answer(address, raw):
    """(status, "closed" or "hangs"; seconds) of a request."""
    start, answer = time.monotonic(), b""
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        with contextlib.suppress(OSError):  # the server may answer before all of it is sent
            connection.sendall(raw)
        while b"\r\n" not in answer:
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                if time.monotonic() - start > HANG:
                    return "hangs", time.monotonic() - start
                _say_that_all_is_sent(connection)
                continue
            except OSError:
                piece = b""
            if not piece:
                return "closed", time.monotonic() - start
            answer += piece
    return int(answer.split(maxsplit=2)[1]), time.monotonic() - start


def _say_that_all_is_sent(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _mask(address):
    """The server's answer to a valid image."""
    draft = _segment(random.Random(0), "")
    with socket.create_connection(address, timeout=60) as connection:
        draft.headers.append(("Connection", "close"))
        connection.sendall(draft.raw(None))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, png = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return png


# Valid requests


def _file(rng):
    sides = (rng.randrange(32, 70), rng.randrange(32, 70), 3)
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, sides, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, rng.choice(("PNG", "JPEG")))
    return file.getvalue()


def _segment(rng, model):
    query = rng.choice(("", "?output=mask", "?output=overlay"))
    return Draft("image", "POST", f"/segment{query}", [("Content-Type", "image/png")], _file(rng))


def _form(rng, model):
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    body = head + b"Content-Type: image/png\r\n\r\n" + _file(rng) + b"\r\n--b--\r\n"
    headers = [("Content-Type", "multipart/form-data; boundary=b; charset=utf-8")]
    return Draft("form", "POST", "/segment", headers, body)


def _predict(rng, model):
    if rng.random() < 0.5:
        pixels = [[[rng.randrange(256) for _ in range(3)] for _ in range(32)] for _ in range(32)]
        request = {"signature_name": "serving_default", "instances": [pixels]}
    else:
        files = [{"b64": base64.b64encode(_file(rng)).decode()} for _ in range(rng.randrange(1, 3))]
        request = {"signature_name": rng.choice(("encoded", "encoded_rest")), "instances": files}
    headers = [("Content-Type", "application/json")]
    path = f"/v1/models/{model}:predict"
    return Draft("predict", "POST", path, headers, json.dumps(request).encode())


def _get(rng, model):
    paths = ("/", "/info", "/healthz", "/metrics", "/openapi.json", f"/v1/models/{model}")
    paths += (f"/v1/models/{model}/metadata", f"/v1/models/{model}/versions/1")
    return Draft("get", "GET", rng.choice(paths), [], b"")


DRAFTS = (_segment, _form, _form, _predict, _predict, _predict, _get)
