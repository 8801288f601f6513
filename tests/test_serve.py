"""The server over real sockets: answers, and changes of version under load."""

import base64
import concurrent.futures
import io
import json
import shutil
import threading

import numpy as np
import pytest
from helpers.pictures import picture
from helpers.serving import b64, error_of, file_of, form, newest, pixels_of, wait_for
from PIL import Image

from tfseg.evaluation.sources import Export

SERVING = "/v1/models/linknet"


def png_of(prediction):
    """The file in an answer: base64 if the output's name ends in `_bytes`, else raw."""
    if isinstance(prediction, dict):
        return base64.b64decode(prediction["b64"])
    return prediction.encode("latin-1")


@pytest.fixture(scope="module")
def network(server):
    """The same export, run in this process."""
    return Export(server.folder / "1")


# Images to masks


@pytest.mark.parametrize("size", [(48, 64), (61, 83), (32, 71)])
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


# Changes of version


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
        (half / "saved_model.pb").write_bytes(whole)  # the copy continues
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
    shutil.rmtree(half)  # switches back
    wait_for(lambda: newest(server) == first + 1)
