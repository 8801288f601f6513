"""Refusals of the server: invalid requests and images, limits, missing tokens."""

import json
import socket
import struct
import zlib

import pytest
from helpers.pictures import picture
from helpers.serving import Server, b64, error_of, file_of, form, wait_for

from tfseg.cli import main

SERVING = "/v1/models/linknet"


def png_that_says(width, height):
    """A PNG whose header claims so many pixels, without their data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def chunk(kind, data):
    end = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + end


PIXEL = [[[0, 0, 0]]]
BAD_REQUESTS = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\xfd",
    "no object": b"[]",
    "nothing in it": b"{}",
    "no instances": {"instances": []},
    "both formats": {"instances": [PIXEL], "inputs": [PIXEL]},
    "unknown signature": {"signature_name": "other", "instances": [PIXEL]},
    "a signature that is no name": {"signature_name": 7, "instances": [PIXEL]},
    "unknown input": {"instances": [{"pixels": PIXEL}]},
    "missing input": {"inputs": {"pixels": PIXEL}},
    "too flat": {"instances": [1, 2, 3]},
    "four channels": {"instances": [[[[0, 0, 0, 0]]]]},
    "nothing high": {"instances": [[]]},
    "ragged": {"instances": [[[[0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]]},
    "ragged leaves": {"instances": [[[[0, 0, 0], 5]]]},
    "sizes differ": {"instances": [PIXEL, [[[0, 0, 0], [0, 0, 0]]]]},
    "fractions": {"instances": [[[[0, 0.5, 0]]]]},
    "NaN": b'{"instances": [[[[0, NaN, 0]]]]}',
    "booleans": {"instances": [[[[True, 0, 0]]]]},
    "null": {"instances": [[[[None, 0, 0]]]]},
    "out of range": {"instances": [[[[256, 0, 0]]]]},
    "below range": {"instances": [[[[-1, 0, 0]]]]},
    "huge number": b'{"instances": [[[[1%s, 0, 0]]]]}' % (b"0" * 6000),
    "large exponent": b'{"instances": [[[[1e999, 0, 0]]]]}',
    "deep": b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deeper than a tensor": b'{"instances": ' + b"[" * 60 + b"0" + b"]" * 60 + b"}",
    "text for pixels": {"instances": ["abc"]},
    "b64 for pixels": {"instances": [b64(b"abc")]},
    "no base64": {"signature_name": "encoded", "instances": [{"b64": "a"}]},
    "base64 of no image": {"signature_name": "encoded", "instances": [b64(b"abc")]},
    "b64 of a number": {"signature_name": "encoded", "instances": [{"b64": 7}]},
    "a lone surrogate": b'{"signature_name": "encoded", "instances": ["\\ud800"]}',
    "cut PNG": {"signature_name": "encoded", "instances": [b64(file_of(picture())[:900])]},
    "too small": {"signature_name": "encoded", "instances": [b64(file_of(picture(9, 9)))]},
    "WebP": {"signature_name": "encoded", "instances": [b64(file_of(picture(), "WEBP"))]},
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_an_invalid_request_is_refused_in_one_line(server, name):
    request = BAD_REQUESTS[name]
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    status, line = error_of(server.ask("POST", f"{SERVING}:predict", body))
    assert status == 400
    assert len(line) < 400


BAD_FILES = {
    "nothing": b"",
    "text": b"no picture",
    "cut PNG": file_of(picture())[:900],
    "cut JPEG": file_of(picture(), "JPEG")[:400],
    "no pixels behind the header": png_that_says(64, 48),
    "GIF": file_of(picture(), "GIF"),
    "no pixels": png_that_says(0, 0),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_not_an_image_is_refused(server, name):
    assert error_of(server.ask("POST", "/segment", BAD_FILES[name]))[0] == 400


def test_forms_without_an_image_are_refused(server):
    body, headers = form(file_of(picture()), name="other")
    assert error_of(server.ask("POST", "/segment", body, **headers))[0] == 400
    assert error_of(server.ask("POST", "/segment", b"--b\r\nxx", **headers))[0] == 400
    no_boundary = {"Content_Type": "multipart/form-data"}
    assert error_of(server.ask("POST", "/segment", body, **no_boundary))[0] == 400


def test_pixels_are_counted_before_anything_is_decoded(server):
    bomb = png_that_says(60_000, 60_000)
    assert error_of(server.ask("POST", "/segment", bomb))[0] == 413
    request = json.dumps({"signature_name": "encoded", "instances": [b64(bomb)]})
    assert error_of(server.ask("POST", f"{SERVING}:predict", request))[0] == 413
    many = [b64(png_that_says(2000, 2000))] * 2  # each alone is small enough
    request = json.dumps({"signature_name": "encoded", "instances": many})
    assert error_of(server.ask("POST", f"{SERVING}:predict", request))[0] == 413


def test_invalid_addresses(server):
    assert error_of(server.ask("GET", "/other"))[0] == 404
    assert error_of(server.ask("POST", "/v1/models/other:predict", b"{}"))[0] == 404
    assert error_of(server.ask("POST", f"{SERVING}/versions/77:predict", b"{}"))[0] == 404
    assert error_of(server.ask("GET", "/segment"))[0] == 405
    assert error_of(server.ask("GET", f"{SERVING}:predict"))[0] == 405
    assert error_of(server.ask("POST", "/segment?output=other", file_of(picture())))[0] == 400


def test_metrics_name_routes_and_not_what_was_typed(server):
    server.ask("GET", "/secret-name")
    status, headers, text = server.ask("GET", "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    assert b'tfseg_requests_total{path="other",status="404"}' in text
    assert b"secret-name" not in text
    assert b"tfseg_model_version" in text


# A server with a token and narrow limits


@pytest.fixture(scope="module")
def strict(server):
    flags = ("--token=Sésame", "--queue=1", "--timeout=4", "--max_bytes=30000")
    strict = Server(server.folder, *flags)
    yield strict
    strict.process.kill()


TOKEN = {"Authorization": "Bearer Sésame".encode()}


def test_a_token_is_asked_for(strict):
    file = file_of(picture())
    for wrong in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic Sesame"}):
        answer = strict.ask("POST", "/segment", file, **wrong)
        assert error_of(answer)[0] == 401
        assert answer[1]["WWW-Authenticate"] == "Bearer"
    for path in (SERVING, f"{SERVING}/metadata", "/info", "/metrics"):
        assert strict.ask("GET", path)[0] == 401
        assert strict.ask("GET", path, **TOKEN)[0] == 200
    assert strict.ask("POST", "/segment", file, **TOKEN)[0] == 200
    assert strict.ask("GET", "/healthz")[0] == 200
    assert b"Token" in strict.ask("GET", "/")[2]


def test_bytes_are_counted_as_they_come(strict):
    large = bytes(50_000)
    assert error_of(strict.ask("POST", "/segment", large, **TOKEN))[0] == 413
    pieces = (bytes(10_000) for _ in range(5))  # chunked, so the length is not announced
    assert error_of(strict.ask("POST", "/segment", pieces, **TOKEN))[0] == 413
    body, headers = form(large)
    pieces = iter([body[:20_000], body[20_000:]])
    assert error_of(strict.ask("POST", "/segment", pieces, **headers, **TOKEN))[0] == 413


def test_one_more_than_the_queue_takes_is_sent_away_and_slow_ones_are_given_up(strict):
    file = file_of(picture())
    with slow_upload(strict, file) as upload:
        upload.sendall(file[:100])
        wait_for(lambda: strict.ask("POST", "/segment", file, **TOKEN)[0] == 503)
        answer = strict.ask("POST", "/segment", file, **TOKEN)
        assert error_of(answer)[0] == 503
        assert int(answer[1]["Retry-After"]) >= 1
        assert strict.ask("GET", "/healthz")[0] == 200
        assert upload.recv(4096).startswith(b"HTTP/1.1 408")
    assert strict.ask("POST", "/segment", file, **TOKEN)[0] == 200


def slow_upload(server, file):
    """A connection that has sent a request's headers, but no body."""
    upload = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(file)}\r\n"
    upload.sendall(f"{head}Authorization: Bearer Sésame\r\n\r\n".encode())
    return upload


def test_sigterm_lets_requests_finish(strict):
    file = file_of(picture())
    with slow_upload(strict, file) as upload:
        upload.sendall(file[:100])
        wait_for(lambda: strict.ask("POST", "/segment", file, **TOKEN)[0] == 503)
        strict.process.terminate()
        wait_for(lambda: refuses(strict))
        upload.sendall(file[100:])
        assert upload.recv(4096).startswith(b"HTTP/1.1 200")
    assert strict.process.wait(timeout=60) == 0
    assert not any("Traceback" in line for line in strict.log), "".join(strict.log)


def refuses(server):
    try:
        socket.create_connection(("127.0.0.1", server.port)).close()
    except ConnectionRefusedError:
        return True
    return False


# The command line


def test_what_a_user_gets_wrong(server, tmp_path, capsys):
    version = server.folder / "1"
    (tmp_path / "bad" / "3").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    wrong = {
        "--export=/nowhere": "has no version",
        f"--export={tmp_path / 'empty'}": "has no version",
        f"--export={version}": f"give its parent, {server.folder}",
        f"--export={tmp_path / 'bad'}": "no version in it could be loaded",
        f"--export={server.folder} --port={server.port}": "cannot listen there",
        f"--export={server.folder} --token=": "--token= is empty",
    }
    for flags, message in wrong.items():
        with pytest.raises(SystemExit) as stopped:
            main(["serve", "--gpu=-1", "--port=0", *flags.split()])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
