"""Small data: paths, a few generated streets, the settings of a short training."""

import dataclasses
from pathlib import Path

from tfseg.datasets import streets

ROOT = Path(__file__).parents[2]
CAMVID = ROOT.parent / "shared" / "camvid"  # real frames, if they are next to the checkout
SMALL = {"batch_size": 2, "gpu": (), "precision": "float32", "workers": 2, "pictures": 1}


def few_streets(train=6, val=3):
    """The streets data set with only its first frames."""

    def frames(source, report):
        every = streets.spec().frames(source, report)
        return {"train": every["train"][:train], "val": every["val"][:val]}

    return dataclasses.replace(streets.spec(), frames=frames)
