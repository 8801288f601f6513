"""The frames that benchmarks work on: CamVid where it is, drawn streets where not."""

import argparse
from pathlib import Path

from tfseg.datasets import get_dataset


def arguments(doc):
    """A parser of what these benchmarks are told; `doc` is the module's."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--source", type=Path, default=Path("../shared/camvid"))
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def find_frames(source):
    """(data set, its raw folder or None where it is drawn)."""
    here = source.is_dir()
    return get_dataset("camvid" if here else "streets"), source if here else None


def spread(frames, count):
    """`count` frames from all over a list, or all of them where they are fewer."""
    return frames[:: max(1, len(frames) // count)][:count]
