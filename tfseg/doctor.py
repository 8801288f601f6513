"""What records hold, and whether a network can learn from it."""

import numpy as np
from PIL import Image

from tfseg.losses import class_weights
from tfseg.records.damage import naming_damage
from tfseg.records.example import decode
from tfseg.records.histogram import class_histogram
from tfseg.records.reader import open_records
from tfseg.visualize import legend, overlay


def inspect_records(config):
    """Prints what `config` (an `InspectConfig`) names; writes a sheet of samples where asked."""
    records = open_records(config.input, config.dataset)
    print(f"{records.name}: {records.path} ({records.format}, {records.info.encoding} images)")
    for split in records.splits.values():
        sizes = ", ".join(f"{height}x{width}" for height, width in split.sizes)
        print(f"\n{split.name}: {len(split)} frames of {sizes} (height x width)")
        print(_class_table(split))
    if config.output:
        with naming_damage(*records.splits.values()):
            _write_sheet(records, config.output)
        print(f"\nwrote {config.output}")


def _class_table(split):
    counts = class_histogram(split)
    total = counts.pixels.sum() + counts.void
    schemes = ("enet", "linknet", "median")
    weights = [
        class_weights(counts.pixels, scheme, void=counts.void, present=counts.present)
        for scheme in schemes
    ]
    width = max(map(len, (*split.info.classes, "void")))
    lines = [f"{'class':<{width}}  pixels %" + "".join(f"{scheme:>9}" for scheme in schemes)]
    for index, name in enumerate(split.info.classes):
        share = 100 * counts.pixels[index] / total
        row = "".join(f"{weight[index]:9.2f}" for weight in weights)
        missing = "" if counts.pixels[index] else f"  <- no pixel in {split.name}"
        lines.append(f"{name:<{width}}  {share:8.2f}{row}{missing}")
    return "\n".join([*lines, f"{'void':<{width}}  {100 * counts.void / total:8.2f}"])


def _write_sheet(records, path, rows=3, columns=4):
    """Frames spread over the first split, each beside its label, scaled to one size."""
    split = next(iter(records.splits.values()))
    height, width = split.sizes[0]
    shrink = max(1, width / 240)
    height, width = round(height / shrink), round(width / shrink)
    count = min(rows * columns, len(split))
    tiles = []
    for i in range(count):
        image, label = decode(split.read(i * len(split) // count), split.info.encoding)
        image, label = image.numpy(), label.numpy()
        pair = np.concatenate([image, overlay(image, label, split.info.colors, alpha=0.7)], axis=1)
        tiles.append(np.asarray(Image.fromarray(pair).resize((2 * width, height))))
    tiles += [np.full_like(tiles[0], 255)] * (-count % columns)
    lines = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    sheet = np.concatenate(lines)
    names = legend(split.info.classes, split.info.colors, sheet.shape[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([sheet, names])).save(path, format="PNG")
