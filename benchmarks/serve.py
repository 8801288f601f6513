"""The server under load: requests a second, waiting times, memory, a change of version.

    python -m benchmarks.serve --export=exports/linknet [--picture=FILE] [--requests=300]

The server runs in a process of its own, on a copy of the newest version, and answers on 127.0.0.1
alone; the clients are threads of this one, each with one connection, each asking again as soon as
it is answered. They share the machine's cores with the server. Without --picture, noise of 360×480
pixels as a PNG.
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

CLIENTS = (1, 8, 32)
MEMORY_REQUESTS = 2000
LONGEST = 300  # seconds that a part may take


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--export", type=Path, default=Path("exports/linknet"))
    arguments.add_argument("--picture", type=Path)
    arguments.add_argument("--requests", type=int, default=300)
    arguments.add_argument("--gpu", default="-1")
    options = arguments.parse_args()
    picture = options.picture.read_bytes() if options.picture else noise()
    numbers = [int(path.name) for path in options.export.iterdir() if path.name.isdecimal()]
    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder) / "linknet"
        shutil.copytree(options.export / str(max(numbers)), versions / "1")
        with server(versions, options.gpu) as port:
            for title, request in requests(picture).items():
                report_speed(title, port, request, options.requests)
            request = requests(picture)["/segment"]
            report_memory(port, request)
            report_change(port, request, versions)


def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def requests(picture):
    """{title: (path, body)}."""
    encoded = [{"b64": base64.b64encode(picture).decode()}]
    body = json.dumps({"signature_name": "encoded_rest", "instances": encoded}).encode()
    return {"/segment": ("/segment", picture), "encoded_rest": ("/v1/models/linknet:predict", body)}


@contextmanager
def server(versions, gpu):
    """A server over a folder of versions; its port."""
    command = [sys.executable, "train.py", "serve", f"--export={versions}", "--port=0"]
    process = subprocess.Popen([*command, f"--gpu={gpu}"], stdout=subprocess.PIPE, text=True)
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
    """[(status, seconds, version)] of `count` requests by so many clients at once, and seconds."""
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
    """One of the figures that the server counts."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return next(float(line.split()[-1]) for line in lines if line.split()[0] == name)


def report_speed(title, port, request, count):
    print(f"\n{title}\n\n{'clients':>9}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}", end="")
    print(f"{'images a batch':>16}{'lost':>6}")
    load(port, request, 1, 10)  # warm
    for clients in CLIENTS:
        names = ("tfseg_batch_images_sum", "tfseg_batch_images_count")
        before = [figure(port, name) for name in names]
        answers, seconds = load(port, request, clients, count)
        images, batches = (figure(port, n) - b for n, b in zip(names, before, strict=True))
        middle, slow = np.percentile([1000 * taken for _, taken, _ in answers], (50, 99))
        print(
            f"{clients:>9}{len(answers) / seconds:>12.1f}{middle:>9.0f}{slow:>9.0f}"
            f"{images / batches:>16.1f}{lost(answers):>6}"
        )


def report_memory(port, request):
    print(f"\nresident memory over {MEMORY_REQUESTS} requests by 8 clients, MiB")
    for done in range(0, MEMORY_REQUESTS + 1, MEMORY_REQUESTS // 5):
        if done:
            load(port, request, 8, MEMORY_REQUESTS // 5)
        print(f"{done:>9}{figure(port, 'process_resident_memory_bytes') / 2**20:>9.0f}")


def report_change(port, request, versions):
    """Three new versions under the load of eight clients."""
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
    main()
