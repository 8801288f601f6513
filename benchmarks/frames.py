"""The frames of benchmarks: CamVid if given, else generated streets."""

import argparse
from pathlib import Path

from tfseg.datasets import get_dataset


def arguments(doc):
    """The argument parser of these benchmarks; `doc` is the module's docstring."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--source", type=Path, default=Path("../shared/camvid"))
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def find_frames(source):
    """(data set, its raw folder or None if it is generated)."""
    here = source.is_dir()
    return get_dataset("camvid" if here else "streets"), source if here else None


def spread(frames, count):
    """`count` evenly spaced frames of a list, or all of them if there are fewer."""
    return frames[:: max(1, len(frames) // count)][:count]
