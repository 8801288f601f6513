"""What each data set means. A new one is a spec file here and a line in DATASETS."""

from tfseg.datasets import camvid, streets
from tfseg.errors import unknown

DATASETS = {spec.name: spec for spec in (camvid.SPEC, streets.SPEC)}


def get_dataset(name):
    """The spec by its name. Raises `UserError` for an unknown one, with the nearest there are."""
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    return DATASETS[name]
