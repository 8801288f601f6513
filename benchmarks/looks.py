"""Accuracy and time of test-time augmentation and the CRF; a Markdown table.

    python -m benchmarks.looks --run=RUN [--input=RECORDS] [--split=val] [--every=1]

Every frame of the split is predicted with each option in turn; the time is the median over frames,
pixels in, classes out, batch 1, float32.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from benchmarks.timing import Turns
from tfseg.evaluation.figures import Tally
from tfseg.networks import load_run
from tfseg.prediction.crf import CRF
from tfseg.prediction.engine import Engine
from tfseg.records.reader import open_records
from tfseg.runs import RunFolder

SCALES = (0.75, 1.0, 1.25)
WAYS = {
    "plain": {},
    "`--flip`": {"flip": True},
    "`--scales=0.75,1,1.25`": {"scales": SCALES},
    "`--crf`": {"crf": CRF()},
    "all three": {"flip": True, "scales": SCALES, "crf": CRF()},
}
FIGURES = ("miou", "pixel_accuracy", "boundary_miou", "mean_bf", "ece")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--run", type=Path, required=True)
    arguments.add_argument("--input", type=Path)
    arguments.add_argument("--split", default="val")
    arguments.add_argument("--every", type=int, default=1)
    options = arguments.parse_args()
    run = RunFolder(options.run)
    split = open_records(options.input or run.config().input).splits[options.split]
    network = load_run(run).model
    ways = {title: Engine(network, **looks).label for title, looks in WAYS.items()}
    tallies = {title: Tally(split.info.classes) for title in WAYS}
    turns = Turns()
    for index in tqdm(range(0, len(split), options.every), unit="frame"):
        image, truth = split.frame(index)
        for title, ((mask,), (confidence,)) in turns.take(ways, image[None]).items():
            tallies[title].add(truth, mask, confidence=confidence)
    report(tallies, turns.medians(lambda seconds: 1000 * seconds))


def report(tallies, milliseconds):
    print("| | mIoU | pixel accuracy | Boundary mIoU | mean BF | calibration error | ms a frame |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for title, tally in tallies.items():
        results = tally.results()
        cells = " | ".join(f"{100 * results[name]:.1f}" for name in FIGURES)
        print(f"| {title} | {cells} | {milliseconds[title]:,.0f} |")


if __name__ == "__main__":
    main()
