"""The server under load: requests per second, latency, memory, a change of version.

    python -m benchmarks.serve [--export=exports/linknet] [--image=FILE] [--requests=300]

The default export is LinkNet with random weights, the default image a PNG of noise, 360×480 pixels.
For every runtime, the server is compared with the network alone, which predicts the decoded image
repeatedly in its own process. The server also runs in its own process, on a copy of the newest
version, and listens only on 127.0.0.1. The clients are threads of this process with one connection
each, and send the next request as soon as they get an answer. They share the cores with the server.
"""

import argparse
import base64
import http.client
import io
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.results import show
from benchmarks.timing import answer_turns, start_process, take_process_turns
from tfseg.serving.runtimes import RUNTIMES

CLIENTS = (1, 8, 32)
RUNS = 30  # runs of the network alone
MEMORY_REQUESTS = 2000
LONGEST = 300  # most seconds of a part


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--export", type=Path)
    arguments.add_argument("--image", type=Path)
    arguments.add_argument("--requests", type=int, default=300)
    options = arguments.parse_args()
    image = options.image.read_bytes() if options.image else noise()
    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder) / "linknet"
        copy_version(options.export, versions / "1")
        file = Path(folder) / "image"
        file.write_bytes(image)
        for runtime, row in RUNTIMES.items():
            if not (versions / "1" / row.file).exists():
                continue
            alone = network_alone(versions / "1", runtime, file)
            with server(versions, runtime) as port:
                report_speed(runtime, port, ("/segment", image), options.requests, alone)
        with server(versions, "saved_model") as port:
            report_speed("encoded_rest", port, encoded(image), options.requests)
            report_memory(port, ("/segment", image))
            report_change(port, ("/segment", image), versions)


def copy_version(export, folder):
    """Copies the newest version of an export, or writes LinkNet with random weights."""
    if export:
        numbers = [int(path.name) for path in export.iterdir() if path.name.isdecimal()]
        shutil.copytree(export / str(max(numbers)), folder)
    else:
        write_linknet(folder)


def write_linknet(folder):
    """Writes LinkNet in every format."""
    import tfseg
    from benchmarks.exports import random_network

    weights = folder.parent.parent / "linknet.weights.h5"
    random_network("linknet").save_weights(weights)
    formats = ("saved_model", "litert", "onnx", "openvino")
    tfseg.export(
        model="linknet", checkpoint=weights, dataset="camvid", format=formats, output=folder
    )


def network_alone(folder, runtime, image):
    """Images per second of a runtime that predicts the same decoded image repeatedly."""
    process = start_process("serve", "alone", str(folder), runtime, str(image))
    if process is None:
        raise SystemExit(f"{runtime} did not start")
    turns = take_process_turns({runtime: process}, rounds=5)
    return turns.medians(lambda seconds: 1 / seconds)[runtime]


def answer_alone(folder, runtime, image):
    """The process of `network_alone`."""
    from tfseg.serving.versions import Version

    version, pixels = Version(Path(folder), runtime), np.asarray(Image.open(image))[None, ..., :3]
    answer_turns(lambda: version.run("serving_default", {"images": pixels}), RUNS, warm_up=4)


def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def encoded(image):
    """(path, body) of a request to TensorFlow Serving's API."""
    instances = [{"b64": base64.b64encode(image).decode()}]
    body = json.dumps({"signature_name": "encoded_rest", "instances": instances}).encode()
    return "/v1/models/linknet:predict", body


@contextmanager
def server(versions, runtime):
    """Starts a server for a folder of versions; yields its port."""
    command = [sys.executable, "train.py", "serve", f"--export={versions}", "--port=0"]
    command += [f"--runtime={runtime}", "--gpu=-1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = next((line for line in process.stdout if "http://" in line), None)
        if line is None:
            raise SystemExit("the server did not start")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield int(line.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def load(port, request, clients, count):
    """([(status, seconds, version)] of `count` requests by concurrent clients, total seconds)."""
    path, body = request
    left, lock = iter(range(count)), threading.Lock()
    end = time.monotonic() + LONGEST

    def client(_):
        connection, answers = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
        while time.monotonic() < end:
            with lock:
                if next(left, None) is None:
                    break
            start = time.perf_counter()
            try:
                connection.request("POST", path, body)
                answer = connection.getresponse()
                answer.read()
                status, version = answer.status, answer.headers["X-Model-Version"]
            except OSError as error:
                status, version = type(error).__name__, None
                connection.close()
            answers.append((status, time.perf_counter() - start, version))
        connection.close()
        return answers

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for each in pool.map(client, range(clients)) for answer in each]
    return answers, time.perf_counter() - start


def lost(answers):
    return sum(status != 200 for status, _, _ in answers)


def figure(port, name):
    """The value of one of the server's metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return next(float(line.split()[-1]) for line in lines if line.split()[0] == name)


def report_speed(title, port, request, count, alone=None):
    """Prints requests per second, compared with the network `alone`, and latencies."""
    load(port, request, 1, 10)  # warm-up
    speeds, lines = {} if alone is None else {"the network alone": alone}, []
    for clients in CLIENTS:
        names = ("tfseg_batch_images_sum", "tfseg_batch_images_count")
        before = [figure(port, name) for name in names]
        answers, seconds = load(port, request, clients, count)
        images, batches = (figure(port, n) - b for n, b in zip(names, before, strict=True))
        middle, slow = np.percentile([1000 * taken for _, taken, _ in answers], (50, 99))
        speeds[f"{clients} clients"] = len(answers) / seconds
        lines.append(
            f"{clients} clients: p50 {middle:.0f} ms, p99 {slow:.0f} ms, "
            f"{images / batches:.1f} images a batch, {lost(answers)} lost"
        )
    show(f"serve, {title}", "requests/s", speeds, next(iter(speeds)))
    print("", *lines, sep="\n")


def report_memory(port, request):
    print(f"\nresident memory over {MEMORY_REQUESTS} requests by 8 clients, MiB")
    for done in range(0, MEMORY_REQUESTS + 1, MEMORY_REQUESTS // 5):
        if done:
            load(port, request, 8, MEMORY_REQUESTS // 5)
        print(f"{done:>9}{figure(port, 'process_resident_memory_bytes') / 2**20:>9.0f}")


def report_change(port, request, versions):
    """Publishes three new versions under the load of eight clients."""
    whole = threading.Event()

    def copy():
        for number in (2, 3, 4):
            shutil.copytree(versions / "1", versions / str(number))
            while figure(port, "tfseg_model_version") < number:
                time.sleep(0.2)
        whole.set()

    copying, every = threading.Thread(target=copy), []
    copying.start()
    while not whole.is_set():
        every += load(port, request, 8, 50)[0]
    copying.join()
    every += load(port, request, 8, 50)[0]
    counts = {}
    for _, _, version in every:
        counts[version] = counts.get(version, 0) + 1
    answered = ", ".join(f"{count} by version {version}" for version, count in counts.items())
    memory = figure(port, "process_resident_memory_bytes") / 2**20
    print(f"\nthree changes of version: {len(every)} requests, {answered}; {lost(every)} lost")
    print(f"resident memory after them, MiB: {memory:.0f}")


if __name__ == "__main__":
    answer_alone(*sys.argv[2:]) if sys.argv[1:2] == ["alone"] else main()
