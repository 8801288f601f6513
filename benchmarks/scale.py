"""Time and memory as the number of frames grows; a Markdown table.

    python -m benchmarks.scale [--frames=100,1000,10000]

Frames have 32×32 pixels, to show the cost per frame apart from its pixels. Each stage has its own
process; start and imports count for memory, but not for time.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.timing import timed

SIDE = 32  # pixels
DISTINCT = 100  # generated frames; the others are copies


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", default="100,1000,10000")
    counts = [int(count) for count in arguments.parse_args().frames.split(",")]
    print("seconds (peak MiB)\n")
    print("| frames | " + " | ".join(STAGES) + " |\n|--:|" + "--:|" * len(STAGES))
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            draw(Path(folder, "raw"), count)
            cells = [measure(stage, folder) for stage in tqdm(STAGES, f"{count} frames")]
        print(f"| {count:,} | " + " | ".join(cells) + " |", flush=True)


def draw(folder, count):
    """Writes a raw folder of the kind `folder` with all frames but one in `train`."""
    import cv2

    rng = np.random.default_rng(0)
    files = []
    for _ in range(DISTINCT):
        image = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        label = np.repeat(rng.integers(0, 4, (SIDE, 1), np.uint8), SIDE, axis=1)
        files.append([cv2.imencode(".png", pixels)[1].tobytes() for pixels in (image, label)])
    for split, number in (("train", count - 1), ("val", 1)):
        for kind in (0, 1):
            place = folder / ("images", "labels")[kind] / split
            place.mkdir(parents=True)
            for index in range(number):
                (place / f"{index:07d}.png").write_bytes(files[index % DISTINCT][kind])
    lines = [f"class{k},{60 * k},{k},{255 - k}" for k in range(4)]
    (folder / "classes.csv").write_text("\n".join(["name,r,g,b", *lines]) + "\n")


def measure(stage, folder):
    command = [sys.executable, "-m", "benchmarks.scale", stage, folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, mebibytes = json.loads(done.stdout.splitlines()[-1])
    return f"{seconds:.2f} ({mebibytes:,.0f})"


def convert(raw, records):
    import tfseg

    return lambda: tfseg.convert(dataset="folder", source=raw, output=records)


def open_raw(raw, records):
    from tfseg.records.reader import open_records

    return lambda: open_records(raw, "folder")


def open_(raw, records):
    from tfseg.records.reader import open_records

    return lambda: open_records(records)


def first_batch(raw, records):
    """Reads the first shuffled batch of a run that resumes after 1,000 steps."""
    from tfseg.data.pipeline import training_batches
    from tfseg.records.reader import open_records

    split = open_records(records).splits["train"]

    def run():
        batches = training_batches(
            split, batch_size=4, crop_size=(SIDE, SIDE), seed=1, start_step=1000
        )
        next(iter(batches))

    return run


def inspect(raw, records):
    import tfseg

    return lambda: tfseg.inspect(input=records)


STAGES = {
    "convert": convert,
    "open records": open_,
    "open raw folder": open_raw,
    "first batch": first_batch,
    "inspect records": inspect,
}


def answer(stage, folder):
    """The process of one stage."""
    import tensorflow  # noqa: F401  # most load it when they need it

    run = STAGES[stage](Path(folder, "raw"), Path(folder, "records"))
    with redirect_stdout(StringIO()):
        seconds, _ = timed(run)
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024
    print(json.dumps([seconds, peak]))


if __name__ == "__main__":
    answer(*sys.argv[1:]) if sys.argv[1:2] and sys.argv[1] in STAGES else main()
