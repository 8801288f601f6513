"""The server over real sockets: its answers, its limits, versions that change under way."""

import base64
import concurrent.futures
import io
import json
import shutil
import socket
import struct
import threading
import time
import zlib
from queue import Full

import numpy as np
import pytest
from PIL import Image
from serving import Server, file_of, picture, pixels_of

from tfseg.cli import main
from tfseg.evaluation.sources import Export
from tfseg.serving.batcher import Batcher, Job

SERVING = "/v1/models/linknet"


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def png_of(prediction):
    """The file in an answer: b64 where the output's name ends in `_bytes`, else as it is."""
    if isinstance(prediction, dict):
        return base64.b64decode(prediction["b64"])
    return prediction.encode("latin-1")


def png_that_says(width, height):
    """A PNG whose header promises so many pixels, which do not follow."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def chunk(kind, data):
    end = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + end


def form(file, name="image"):
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'
    body = head.encode() + file + b"\r\n--b--\r\n"
    return body, {"Content_Type": "multipart/form-data; boundary=b"}


def error_of(answer):
    """The one line that an error's JSON holds."""
    status, _, body = answer
    parsed = json.loads(body)
    assert parsed.keys() == {"error"}
    assert parsed["error"]
    assert "\n" not in parsed["error"]
    return status, parsed["error"]


@pytest.fixture(scope="module")
def network(server):
    """The same export, run here."""
    return Export(server.folder / "1")


# Pictures in, masks out


@pytest.mark.parametrize("size", [(48, 64), (61, 83), (20, 7)])
def test_segment_answers_the_exports_mask_as_a_palette_png(server, network, size):
    image = picture(*size)
    status, headers, png = server.ask("POST", "/segment", file_of(image), Content_Type="image/png")
    assert status == 200, png
    assert headers["Content-Type"] == "image/png"
    np.testing.assert_array_equal(pixels_of(png), network.label(image[None], 0)[0][0])
    palette = np.reshape(Image.open(io.BytesIO(png)).getpalette(), (-1, 3))
    labels = json.loads((server.folder / "1" / "labels.json").read_text())
    np.testing.assert_array_equal(palette[: len(labels["colors"])], labels["colors"])


def test_a_form_and_an_overlay(server):
    image = picture()
    body, headers = form(file_of(image))
    plain = server.ask("POST", "/segment", file_of(image))[2]
    assert server.ask("POST", "/segment", body, **headers)[2] == plain
    status, _, png = server.ask("POST", "/segment?output=overlay", body, **headers)
    assert status == 200
    labels = json.loads((server.folder / "1" / "labels.json").read_text())
    colors = np.asarray(labels["colors"])[pixels_of(plain)]
    np.testing.assert_array_equal(pixels_of(png), np.rint(image / 2 + colors / 2))


def test_a_photo_is_turned_upright(server):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    file = file_of(picture(48, 64), "JPEG", exif=exif)
    assert pixels_of(server.ask("POST", "/segment", file)[2]).shape == (64, 48)


# TensorFlow Serving's REST API


def test_predict_in_rows_and_columns(server, network):
    images = np.stack([picture(seed=1), picture(seed=2)])
    masks = network.label(images, 0)[0].tolist()
    assert server.predict({"instances": images.tolist()}) == (200, {"predictions": masks})
    named = [{"images": image.tolist()} for image in images]
    assert server.predict({"instances": named}) == (200, {"predictions": masks})
    request = {"signature_name": "serving_default", "inputs": {"images": images.tolist()}}
    assert server.predict(request) == (200, {"outputs": masks})
    request = {"inputs": images.tolist()}
    assert server.predict(request, f"{SERVING}/versions/{newest(server)}:predict")[0] == 200


def test_encoded_takes_files_of_different_sizes(server):
    files = [file_of(picture()), file_of(picture(61, 83)), file_of(picture(), "JPEG")]
    request = {"signature_name": "encoded", "instances": [b64(file) for file in files]}
    status, answer = server.predict(request)
    assert status == 200, answer
    for file, prediction in zip(files, answer["predictions"], strict=True):
        segmented = server.ask("POST", "/segment", file)[2]
        np.testing.assert_array_equal(pixels_of(png_of(prediction)), pixels_of(segmented))
    named = [{"image_bytes": b64(file)} for file in files]
    assert server.predict({"signature_name": "encoded", "instances": named}) == (200, answer)
    request = {"signature_name": "encoded_rest", "instances": [b64(file) for file in files]}
    status, readable = server.predict(request)
    assert status == 200
    assert [png_of(one) for one in readable["predictions"]] == [
        png_of(one) for one in answer["predictions"]
    ]
    assert readable["predictions"][0].keys() == {"b64"}
    inputs = {"image_bytes": [b64(file) for file in files]}
    columns = server.predict({"signature_name": "encoded", "inputs": inputs})
    assert columns == (200, {"outputs": answer["predictions"]})


def test_status_and_metadata(server):
    number = newest(server)
    status = json.loads(server.ask("GET", f"{SERVING}/versions/{number}")[2])
    assert status == {
        "model_version_status": [
            {
                "version": str(number),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    metadata = json.loads(server.ask("GET", f"{SERVING}/metadata")[2])
    assert metadata["model_spec"]["version"] == str(number)
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    images = signature["inputs"]["images"]
    assert images["dtype"] == "DT_UINT8"
    assert [side["size"] for side in images["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "3"]
    assert error_of(server.ask("GET", "/v1/models/other"))[0] == 404
    assert error_of(server.ask("GET", f"{SERVING}/versions/77"))[0] == 404
    assert error_of(server.ask("GET", f"{SERVING}/versions/{'9' * 5000}"))[0] == 404


def newest(server):
    return json.loads(server.ask("GET", "/healthz")[2])["version"]


# What nobody should send

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
def test_a_request_that_is_none_is_refused_in_one_line(server, name):
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
def test_a_file_that_is_no_picture_is_refused(server, name):
    assert error_of(server.ask("POST", "/segment", BAD_FILES[name]))[0] == 400


def test_forms_without_a_picture_are_refused(server):
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
    many = [b64(png_that_says(2000, 2000))] * 2  # each alone would do
    request = json.dumps({"signature_name": "encoded", "instances": many})
    assert error_of(server.ask("POST", f"{SERVING}:predict", request))[0] == 413


def test_addresses_that_are_none(server):
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


# Versions that change under way


def test_no_request_is_lost_when_the_version_changes(server):
    first, file, stop = newest(server), file_of(picture()), threading.Event()

    def client(seed):
        seen = []
        while not stop.is_set():
            status, headers, _ = server.ask("POST", "/segment", file)
            seen.append((status, int(headers["X-Model-Version"] or 0)))
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, seed) for seed in range(4)]
        half = server.folder / str(first + 2)
        (server.folder / "readme").write_text("no version")
        shutil.copytree(server.folder / str(first), half, ignore=lambda *_: ["variables"])
        whole = (half / "saved_model.pb").read_bytes()
        (half / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
        wait_for(lambda: any(f"version {first + 2} is not used" in line for line in server.log))
        assert newest(server) == first
        shutil.copytree(server.folder / str(first), server.folder / str(first + 1))
        wait_for(lambda: newest(server) == first + 1)
        (half / "saved_model.pb").write_bytes(whole)  # the copy goes on
        shutil.copytree(server.folder / str(first) / "variables", half / "variables")
        wait_for(lambda: newest(server) == first + 2)
        stop.set()
        seen = [answer for client in clients for answer in client.result()]
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} >= {first, first + 1}
    states = json.loads(server.ask("GET", SERVING)[2])["model_version_status"]
    assert [(one["version"], one["state"]) for one in states[:3]] == [
        (str(first + 2), "AVAILABLE"),
        (str(first + 1), "END"),
        (str(first), "END"),
    ]
    assert sum(f"version {first + 2} is not used" in line for line in server.log) == 1
    shutil.rmtree(half)  # the way back
    wait_for(lambda: newest(server) == first + 1)


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


# Batches


class Doubling:
    """In place of a loaded version: doubles its images, once `go` is set."""

    single = False

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def run(self, signature, inputs):
        self.go.wait()
        (images,) = inputs.values()
        self.batches.append(images.shape)
        if (images == 7).any():
            raise ValueError("seven")
        return {"mask": images * 2}


def job(version, value, *shape, images=1):
    array = np.full((images, *shape), value, np.int64)
    return Job(version, "serving_default", {"images": array}, pixels=array.size)


def test_images_of_a_size_run_together_and_answers_find_their_requests():
    version = Doubling()
    batcher = Batcher(max_images=4, max_pixels=40, max_waiting=400, gather=0)
    blocker = batcher.submit(job(version, 0, 1))
    wait_for(lambda: len(batcher) == 0)
    futures = [batcher.submit(job(version, value, 2, 2)) for value in range(1, 6)]
    other = batcher.submit(job(version, 9, 3, 3, images=2))
    version.go.set()
    assert blocker.result()["mask"].tolist() == [[0]]
    assert [future.result()["mask"].ravel()[0] for future in futures] == [2, 4, 6, 8, 10]
    assert other.result()["mask"].shape == (2, 3, 3)
    batcher.close()
    assert version.batches == [(1, 1), (4, 2, 2), (1, 2, 2), (2, 3, 3)]


def test_a_failing_picture_spares_its_neighbours_and_the_queue_is_bounded():
    version = Doubling()
    batcher = Batcher(max_images=8, max_pixels=10, max_waiting=80, gather=0)
    batcher.submit(job(version, 0, 1))
    wait_for(lambda: len(batcher) == 0)
    futures = [batcher.submit(job(version, value, 2, 1)) for value in (1, 7, 2)]
    for _ in range(7):
        batcher.submit(job(version, 1, 10))
    with pytest.raises(Full):
        batcher.submit(job(version, 1, 10))
    version.go.set()
    assert futures[0].result()["mask"].ravel().tolist() == [2, 2]
    with pytest.raises(ValueError, match="seven"):
        futures[1].result()
    assert futures[2].result()["mask"].ravel().tolist() == [4, 4]
    batcher.close()


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
    pieces = (bytes(10_000) for _ in range(5))  # chunked, so it does not say how many
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
    """A connection that has sent a request's head and nothing of its body."""
    upload = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(file)}\r\n"
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
        f"--export={server.folder} --port={server.port}": "choose another port",
        f"--export={server.folder} --token=": "--token= is empty",
    }
    for flags, message in wrong.items():
        with pytest.raises(SystemExit) as stopped:
            main(["serve", "--gpu=-1", "--port=0", *flags.split()])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
