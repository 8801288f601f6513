"""Images per second of an epoch from a local disk and from a local server with S3's protocol.

    python -m benchmarks.remote [--source=DIR] [--rounds=3]

`--source` is CamVid in the SegNet edition; the default is 128 generated frames of its size. The
server is moto in its own process on this machine, so it shows the cost of S3's protocol, not of a
network. Every turn opens the records and reads one epoch of batches as in training; the rows take
turns, and the table shows medians. "cold" starts with an empty cache, "cached" with all shards in
it, "by ranges" has no room for a shard. Needs the extras `s3` and `test`.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.frames import arguments
from benchmarks.pipeline import BATCH, CROP, SCALE, WORKERS, draw
from benchmarks.timing import Turns, print_ratios

SHARDS = 8
ADDRESS = "s3://benchmark/records"


def main():
    options = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.source if options.source.is_dir() else draw(Path(folder, "raw"))
        server = start_server()
        try:
            rates = measure(source, Path(folder), options.rounds)
        finally:
            server.terminate()
            server.wait()
    base = next(iter(rates.values()))
    print(f"\n{source}: {WORKERS} workers, batch {BATCH}, {CROP[0]}×{CROP[1]} crops\n")
    print_ratios(f"{'':<40}", "images/s", rates, base)


def start_server():
    """Starts moto's server with an empty bucket and directs this process to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    import s3fs

    system = s3fs.S3FileSystem()
    for _ in range(120):
        try:
            system.mkdir("benchmark")
            return server
        except OSError:
            time.sleep(0.5)
    raise SystemExit("moto's server does not start")


def measure(source, folder, rounds):
    """Images per second of every row: {title: median}."""
    from tfseg.addresses import place_of
    from tfseg.datasets import get_dataset
    from tfseg.records.convert import convert

    os.environ["TFSEG_CACHE"] = str(folder / "writing")
    local = convert(get_dataset("camvid"), source, folder / "local", shards=SHARDS)
    convert(get_dataset("camvid"), source, place_of(ADDRESS), shards=SHARDS)
    turns = Turns()
    epoch(local)  # warm-up of TensorFlow
    for turn in range(rounds):
        rows = {
            "local disk": (local, "unused", "50"),
            "S3, cold": (ADDRESS, f"kept-{turn}", "50"),
            "S3, cached": (ADDRESS, f"kept-{turn}", "50"),
            "S3, by ranges": (ADDRESS, f"ranges-{turn}", "0.001"),
        }
        for title, (records, cache, gigabytes) in rows.items():
            os.environ |= {"TFSEG_CACHE": str(folder / cache), "TFSEG_CACHE_GB": gigabytes}
            turns.add(title, epoch(records))
    return turns.medians(lambda seconds: 1 / seconds)


def epoch(records):
    """Seconds per frame to open records and read an epoch of training batches."""
    from tfseg.data.pipeline import training_batches
    from tfseg.records.reader import open_records

    start = time.perf_counter()
    split = open_records(records).splits["train"]
    batches = iter(
        training_batches(
            split, batch_size=BATCH, crop_size=CROP, scale=SCALE, seed=1, workers=WORKERS
        )
    )
    steps = len(split) // BATCH
    for _ in range(steps):
        next(batches)
    return (time.perf_counter() - start) / (steps * BATCH)


if __name__ == "__main__":
    main()
