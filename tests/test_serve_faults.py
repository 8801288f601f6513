"""The server with hostile clients: partial requests, invalid bytes, overload, other hosts."""

import concurrent.futures
import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import time

import psutil
import pytest
from faults import requests
from helpers.pictures import picture
from helpers.serving import Server, b64, error_of, file_of, form, newest, wait_for

SERVING = "/v1/models/linknet"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def upload(server):
    """A connection with a request whose body has not arrived."""
    connection = connect(server)
    head = b"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
    return connection


def told(server, raw):
    """Everything that the server sends for some bytes until it closes."""
    with connect(server) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def narrow(server):
    """A server with short deadlines and few connections, with its own versions."""
    flags = ("--header_timeout=1", "--timeout=4", "--connections=12", "--queue=3")
    narrow = Server(server.folder, *flags, "--max_bytes=3000000")
    yield narrow
    assert narrow.stop() == 0
    assert not any("Traceback" in line for line in narrow.log), "".join(narrow.log)


# Deadlines and connections


def test_half_sent_headers_are_answered_408_and_closed(narrow):
    answer = told(narrow, b"GET /healthz HTTP/1.1\r\nHost: local")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "the request's headers arrived too slowly"
    }
    assert told(narrow, b"") == b""  # no request, no answer
    second = told(narrow, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal")
    assert second.startswith(b"HTTP/1.1 200 ")  # the partial request after it does not keep it open


def test_headers_that_drip_in_are_given_up(narrow):
    start = time.monotonic()
    with connect(narrow) as connection:
        with contextlib.suppress(OSError):
            for letter in b"GET / HTTP/1.1\r\n" + b"X-Pad: 1\r\n" * 9:
                connection.sendall(bytes([letter]))
                time.sleep(0.1)
                seconds = time.monotonic() - start
        assert seconds < 6  # all of it would take ten


def test_idle_connections_give_way(narrow):
    with contextlib.ExitStack() as stack:
        half = [stack.enter_context(connect(narrow)) for _ in range(200)]
        for connection in half:
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        assert narrow.ask("GET", "/healthz")[0] == 200
        assert len(os.listdir(f"/proc/{narrow.process.pid}/fd")) < 200


def test_one_more_than_all_that_work_is_sent_away(server):
    with contextlib.ExitStack() as stack:
        few = Server(server.folder, "--connections=4", "--timeout=20")
        stack.callback(few.process.kill)
        for _ in range(4):
            stack.enter_context(upload(few))
        answer = few.ask("GET", "/healthz")
        assert error_of(answer) == (503, "too many connections; try again")
        assert answer[1]["Retry-After"] == "1"


def test_who_reads_no_answer_is_cut_off(narrow):
    """A connection that reads nothing keeps its answers only for a limited time."""
    file = file_of(picture(900, 900))
    head = (
        f"POST /segment?output=overlay HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(file)}"
    )
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", narrow.port))
        wait_for(lambda: holds(narrow, deaf))
        with contextlib.suppress(OSError):
            deaf.sendall((f"{head}\r\n\r\n".encode() + file) * 3)
        wait_for(lambda: not holds(narrow, deaf))


def holds(server, client):
    """Whether the server's end of a client's connection is still open."""
    port = client.getsockname()[1]
    ends = psutil.Process(server.process.pid).net_connections("tcp")
    return any(end.raddr and end.raddr.port == port for end in ends)


def test_a_body_that_drips_in_is_given_up(narrow):
    with connect(narrow) as connection:
        head = b"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
        connection.sendall(head)
        answer = b""
        connection.settimeout(0.2)
        while not answer:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408 ")


# Overload


@pytest.mark.parametrize("close", [False, True])
def test_large_bodies_beyond_the_queue_are_answered_and_not_reset(narrow, close):
    more = {"Connection": "close"} if close else {}
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(upload(narrow))
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            large = bytes(2_900_000)
            asked = [pool.submit(narrow.ask, "POST", "/segment", large, **more) for _ in range(6)]
            answers = [one.result() for one in asked]
    assert [error_of(answer) for answer in answers] == [(503, "overloaded; try again")] * 6
    assert {answer[1]["Retry-After"] for answer in answers} == {"1"}


def test_too_large_a_body_is_answered_and_not_reset(narrow):
    for headers in ({}, {"Connection": "close"}):
        answer = narrow.ask("POST", "/segment", bytes(6_000_000), **headers)
        assert error_of(answer)[0] == 413


# Invalid bytes


SURROGATES = {
    "signature": b'{"signature_name": "\\ud800", "instances": [[[[0, 0, 0]]]]}',
    "value": b'{"signature_name": "encoded", "instances": ["\\ud800"]}',
    "base64": b'{"signature_name": "encoded", "instances": [{"b64": "\\ud800"}]}',
    "key": b'{"instances": [{"\\ud800": 1}]}',
}


@pytest.mark.parametrize("place", SURROGATES)
def test_half_a_letter_in_json_is_400(server, place):
    assert error_of(server.ask("POST", f"{SERVING}:predict", SURROGATES[place]))[0] == 400


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode"])
def test_a_form_in_an_unknown_charset_is_400(server, charset):
    body, headers = form(file_of(picture()), name="image\xff")
    headers["Content_Type"] += f"; charset={charset}"
    assert error_of(server.ask("POST", "/segment", body, **headers))[0] == 400


def test_compressed_bodies_are_415(server):
    body = gzip.compress(file_of(picture()))
    answer = server.ask("POST", "/segment", body, Content_Encoding="gzip")
    assert error_of(answer) == (415, "Content-Encoding: 'gzip'; send the body as it is")
    assert answer[1]["Accept-Encoding"] == "identity"
    assert server.ask("POST", "/segment", file_of(picture()), Content_Encoding="identity")[0] == 200


def test_head_is_get_without_the_body(server):
    for path in ("/", "/healthz", "/info", SERVING):
        got, head = server.ask("GET", path), server.ask("HEAD", path)
        assert (head[0], head[2]) == (200, b"")
        assert head[1]["Content-Length"] == got[1]["Content-Length"]
    assert server.ask("HEAD", "/segment")[0] == 405


def test_invalid_http_is_answered(server):
    answer = told(server, b"hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "Invalid HTTP request received."
    }


def test_images_smaller_than_the_network_takes(server):
    small = picture(20, 7)
    answer = error_of(server.ask("POST", "/segment", file_of(small)))
    line = "the image has 20x7 pixels (height x width); the network needs 32 a side"
    assert answer == (400, line)
    status, told = server.predict({"instances": [small.tolist()]})
    assert (status, told) == (400, {"error": line})
    request = {"signature_name": "encoded", "instances": [b64(file_of(small))]}
    status, told = server.predict(request)
    assert status == 400
    assert "needs 32 pixels a side" in told["error"]


# Metrics


def test_who_left_counts_as_499(narrow):
    with upload(narrow):
        pass
    wait_for(lambda: b'path="/segment",status="499"' in narrow.ask("GET", "/metrics")[2])
    assert b"None" not in narrow.ask("GET", "/metrics")[2]


# Broken new versions


BROKEN = {
    "colors that are no numbers": ("colors", lambda colors: [["a", 0, 0], *colors[1:]]),
    "colors out of range": ("colors", lambda colors: [[0, 0, 300], *colors[1:]]),
    "two numbers": ("colors", lambda colors: [[0, 0], *colors[1:]]),
    "a fraction": ("colors", lambda colors: [[0, 0.5, 0], *colors[1:]]),
    "one color less": ("colors", lambda colors: colors[1:]),
    "a class that is a number": ("classes", lambda classes: [7, *classes[1:]]),
    "half a letter": ("classes", lambda classes: ["\ud800", *classes[1:]]),
    "no list": ("classes", lambda classes: dict.fromkeys(classes)),
    "a network that is a list": ("model", lambda name: [name]),
    "a side that is text": ("smallest", str),
}


def test_a_version_with_wrong_labels_is_never_switched_in(server, tmp_path):
    folder = tmp_path / "linknet"
    shutil.copytree(server.folder / "1", folder / "1")
    broken = Server(folder)
    try:
        for number, (key, change) in enumerate(BROKEN.values(), 2):
            publish(folder, number, lambda labels, k=key, c=change: {**labels, k: c(labels[k])})
        publish(folder, 90, lambda labels: {**labels, **fewer(labels)})
        for number in (*range(2, 2 + len(BROKEN)), 90):
            refused = re.compile(f"version {number} is not used: .*labels.json")
            wait_for(lambda refused=refused: any(map(refused.search, broken.log)))
        assert any("names 10 classes; the network has 11" in line for line in broken.log)
        assert newest(broken) == 1
        publish(folder, 91, lambda labels: labels)
        wait_for(lambda: newest(broken) == 91)
        assert broken.ask("POST", "/segment", file_of(picture()))[0] == 200
    finally:
        broken.process.kill()


def publish(folder, number, change):
    """Publishes a copy of version 1 with changed labels, by one rename."""
    partial = folder / "partial"
    shutil.copytree(folder / "1", partial)
    labels = json.loads((partial / "labels.json").read_text())
    (partial / "labels.json").write_text(json.dumps(change(labels)))
    partial.rename(folder / str(number))


def fewer(labels):
    return {key: labels[key][:-1] for key in ("classes", "colors")}


# Mutations


@pytest.mark.slow
def test_mutated_requests(server):
    report = requests.run(("127.0.0.1", server.port), count=200, seed=14, log=server.log)
    assert not report.failures, report
