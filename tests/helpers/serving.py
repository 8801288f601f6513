"""A server in its own process, requests to it over real sockets, and their content."""

import base64
import http.client
import io
import json
import subprocess
import sys
import threading
import time

import numpy as np
from PIL import Image

from helpers.small import ROOT


class Server:
    """Runs `serve` on a folder of versions until `stop`; `log` has its output."""

    def __init__(self, folder, *flags):
        command = [sys.executable, "train.py", "serve", f"--export={folder}", "--port=0"]
        self.folder, self.log = folder, []
        self.process = subprocess.Popen(
            [*command, "--gpu=-1", *flags],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in self.process.stdout:
            self.log.append(line)
            if "http://127.0.0.1:" in line:
                break
        else:
            raise AssertionError("".join(self.log))
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        threading.Thread(target=self._read_on, daemon=True).start()

    def _read_on(self):
        self.log.extend(self.process.stdout)

    def ask(self, method, path, body=None, **headers):
        """(status, headers, body) of one request on its own connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def predict(self, request, path="/v1/models/linknet:predict"):
        """(status, answer) of a request, a dict or bytes.

        Decoded as latin-1, because TensorFlow Serving's JSON holds PNGs byte for byte.
        """
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        status, _, answer = self.ask("POST", path, body)
        return status, json.loads(answer.decode("latin-1"))

    def stop(self):
        """Sends SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)


def file_of(pixels, format="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def pixels_of(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def form(file, name="image"):
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'
    body = head.encode() + file + b"\r\n--b--\r\n"
    return body, {"Content_Type": "multipart/form-data; boundary=b"}


def error_of(answer):
    """The line in an error's JSON."""
    status, _, body = answer
    parsed = json.loads(body)
    assert parsed.keys() == {"error"}
    assert parsed["error"]
    assert "\n" not in parsed["error"]
    return status, parsed["error"]


def newest(server):
    return json.loads(server.ask("GET", "/healthz")[2])["version"]


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")
