"""Effect of each training option on CamVid's val; a Markdown table.

    python -m benchmarks.effects --input=RECORDS [--epochs=6] [--only=NAME,...] [--FLAG=VALUE ...]

Every row is one training, equal to the first except for its flags. The second row only changes the
seed: differences as small as its are noise. Any other flag of `train`, such as
--crop_size=240x320, goes to every training.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

BASE = (
    "--model=unet_subpixel", "--batch_size=8", "--learning_rate_init=2e-3", "--warmup_epochs=0.5",
    "--class_weights=none", "--cache=memory", "--pictures=0",
)  # fmt: skip
ROWS = {
    "as it is": (),
    "another seed": ("--seed=2",),
    "`--encoder_weights=none`": ("--encoder_weights=none",),
    "`--class_weights=enet`": ("--class_weights=enet",),
    "`--ema=0.98`": ("--ema=0.98",),
    "`--freeze_epochs=1`": ("--freeze_epochs=1",),
    "`--encoder_lr_factor=0.3`": ("--encoder_lr_factor=0.3",),
    "`--encoder_lr_decay=0.8`": ("--encoder_lr_decay=0.8",),
    "`--sampling=rare`": ("--sampling=rare",),
    "`--loss=ohem+dice`": ("--loss=ohem+dice",),
    "`--label_smoothing=0.1`": ("--label_smoothing=0.1",),
    "`--mix=cutmix`": ("--mix=cutmix",),
    "`--mix=copy_paste`": ("--mix=copy_paste",),
    "`--mix=mixup`": ("--mix=mixup",),
    "`--augment=strong`": ("--augment=strong",),
}
RARE = ("Pole", "SignSymbol", "Pedestrian", "Bicyclist")  # 4 % of the labelled pixels


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--input", required=True)
    arguments.add_argument("--epochs", type=int, default=6)
    arguments.add_argument("--only", help="names of rows without their dashes and values")
    options, flags = arguments.parse_known_args()
    wanted = options.only.split(",") if options.only else ()
    rows = {title: change for title, change in ROWS.items() if not wanted or _named(title, wanted)}
    base = (*BASE, f"--input={options.input}", f"--epochs={options.epochs}", *flags)
    print("| | val mIoU | mean IoU of four rare classes | pixel accuracy |\n|---|--:|--:|--:|")
    for title, change in tqdm(rows.items(), unit="training"):
        results = trained(base + change)
        rare = sum(results["iou"][name] for name in RARE) / len(RARE)
        cells = results["miou"], rare, results["pixel_accuracy"]
        tqdm.write(f"| {title} | " + " | ".join(f"{100 * cell:.1f}" for cell in cells) + " |")


def _named(title, wanted):
    return any(title.strip("`-").startswith(name) for name in wanted)


def trained(flags):
    """Trains with some flags; returns the run's `results.json`."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "train.py", "train", f"--savedir={run}", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads((run / "results.json").read_text())


if __name__ == "__main__":
    main()
