"""Images per second of the training pipeline, compared with a PyTorch DataLoader with OpenCV.

    python -m benchmarks.pipeline [--source=DIR] [--augment=light] [--rounds=5] [--seconds=2]

`--source` is CamVid in the SegNet edition; the default is generated frames of its size. All rows
make the same batches: 8 random frames scaled by 0.6 to 1.8, cropped to 360×480, augmented according
to `--augment` (light by default) by the same OpenCV calls (`tfseg.data.augment`), with two workers.
The rows take turns; the table shows medians over the rounds.
"""

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.frames import arguments
from benchmarks.results import show
from benchmarks.timing import Turns
from tfseg.data.augment import parse_augment, training_frame

CROP, BATCH, WORKERS = (360, 480), 8, 2
SCALE = (0.6, 1.8)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--augment", type=parse_augment, default="light")
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.source if options.source.is_dir() else draw(Path(folder, "raw"))
        rows = torch_rows(source, options.augment)
        rows |= tfseg_rows(source, options.augment, Path(folder))
        report(measure(rows, options.rounds, options.seconds), source)


def torch_rows(source, augment):
    """{title: endless batches}; empty if torch is not installed."""
    try:
        import torch
    except ImportError:
        print("torch is not installed: its rows are skipped")
        return {}

    def loader(to_float):
        frames = Frames(source, augment, to_float)
        return iter(
            torch.utils.data.DataLoader(
                frames,
                BATCH,
                # Endless: no pause between epochs.
                sampler=torch.utils.data.RandomSampler(frames, True, 10**9),
                num_workers=WORKERS,
                prefetch_factor=2,
                persistent_workers=True,
                worker_init_fn=one_thread,
                multiprocessing_context="spawn",  # a fork would inherit TensorFlow's threads
            )
        )

    return {
        "PyTorch + OpenCV, PNG files": loader(to_float=False),
        "PyTorch + OpenCV, made float32 CHW": loader(to_float=True),
    }


class Frames:
    """A map-style PyTorch data set of PNG pairs."""

    def __init__(self, source, augment, to_float):
        self.images = sorted((source / "train").iterdir())
        self.labels = [source / "trainannot" / path.name for path in self.images]
        self.augment, self.to_float = augment, to_float

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        import torch

        rng = np.random.default_rng(torch.randint(2**62, ()).item())
        image = cv2.imread(str(self.images[index]), cv2.IMREAD_COLOR_RGB)
        label = cv2.imread(str(self.labels[index]), cv2.IMREAD_GRAYSCALE)
        image, label = training_frame(image, label, rng, CROP, SCALE, self.augment)
        image, label = torch.from_numpy(image), torch.from_numpy(label)
        return (image.permute(2, 0, 1).float() / 255 if self.to_float else image), label


def one_thread(worker):
    cv2.setNumThreads(0)


def tfseg_rows(source, augment, folder):
    """{title: endless batches} from records of every kind."""
    from tfseg.data.pipeline import training_batches
    from tfseg.datasets import get_dataset
    from tfseg.records.convert import convert
    from tfseg.records.reader import open_records

    def split(name, **options):
        records = convert(get_dataset("camvid"), source, folder / name, **options)
        return open_records(records).splits["train"]

    tfrecord, lmdb = split("tfrecord"), split("lmdb", format="lmdb")
    png, raw = split("png", encoding="png"), split("raw", encoding="raw")
    files = open_records(source, "camvid").splits["train"]
    settings = {
        "tfseg, raw folder, PNG files": (files, "none"),
        "tfseg, TFRecord PNG": (tfrecord, "none"),
        "tfseg, TFRecord, written with --encoding=png": (png, "none"),
        "tfseg, LMDB PNG": (lmdb, "none"),
        "tfseg, TFRecord raw pixels": (raw, "none"),
        "tfseg, TFRecord PNG, frames in memory": (tfrecord, "memory"),
        "tfseg, TFRecord PNG, frames on disk": (tfrecord, "disk"),
    }
    return {
        title: iter(
            training_batches(
                records,
                batch_size=BATCH,
                crop_size=CROP,
                scale=SCALE,
                augment=augment,
                cache=cache,
                cache_dir=folder,
                workers=WORKERS,
            )
        )
        for title, (records, cache) in settings.items()
    }


def measure(rows, rounds, seconds):
    """Images per second of every row: {title: median}."""
    turns = Turns()
    for _ in range(rounds):
        for title, batches in rows.items():
            for _ in range(10):  # empties the buffers, which were filled since the last round
                next(batches)
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                next(batches)
                count += BATCH
            turns.add(title, (time.perf_counter() - start) / count)
    return turns.medians(lambda seconds: 1 / seconds)


def report(speeds, source):
    print(f"\n{source}: {WORKERS} workers, batch {BATCH}, {CROP[0]}×{CROP[1]} crops")
    show("training batches", "images/s", speeds, next(iter(speeds)))


def draw(folder, count=128):
    """Writes a raw folder in CamVid's layout: generated streets, enlarged, with noise."""
    from tfseg.datasets.streets import spec
    from tfseg.labels import VOID

    rng = np.random.default_rng(0)
    (folder / "train").mkdir(parents=True)
    (folder / "trainannot").mkdir()
    frames = spec().list_frames(None)["train"]
    for index in range(count):
        frame = frames[index % len(frames)]
        image = cv2.resize(frame.image(), CROP[::-1])
        image = (image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)
        label = cv2.resize(frame.label(), CROP[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        label[label == VOID] = 11
        cv2.imwrite(str(folder / "train" / f"{index:04d}.png"), image)
        cv2.imwrite(str(folder / "trainannot" / f"{index:04d}.png"), label)
    return folder


if __name__ == "__main__":
    main()
