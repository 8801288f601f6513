"""tfseg: train, evaluate and ship semantic segmentation in TensorFlow and Keras 3."""

import importlib
from typing import TYPE_CHECKING

from tfseg._registration import quieten_tensorflow, register_with_keras

if TYPE_CHECKING:
    from tfseg import datasets, losses, metrics, weights
    from tfseg.commands import convert, export, inspect, plot, predict, push, serve, test, train
    from tfseg.encoders import build_encoder, list_encoders
    from tfseg.errors import UserError
    from tfseg.models import build, list_models
    from tfseg.prediction.segmenter import Segmenter, load
    from tfseg.records.reader import open_records

__version__ = "0.2.0"

_MODULES = ("datasets", "losses", "metrics", "weights")
_PUBLIC = {
    "Segmenter": "tfseg.prediction.segmenter",
    "UserError": "tfseg.errors",
    "build": "tfseg.models",
    "build_encoder": "tfseg.encoders",
    "convert": "tfseg.commands",
    "export": "tfseg.commands",
    "inspect": "tfseg.commands",
    "list_encoders": "tfseg.encoders",
    "list_models": "tfseg.models",
    "load": "tfseg.prediction.segmenter",
    "open_records": "tfseg.records.reader",
    "plot": "tfseg.commands",
    "predict": "tfseg.commands",
    "push": "tfseg.commands",
    "serve": "tfseg.commands",
    "test": "tfseg.commands",
    "train": "tfseg.commands",
}

__all__ = [  # noqa: RUF022 - what is used first, first
    "train",
    "test",
    "predict",
    "export",
    "serve",
    "push",
    "convert",
    "inspect",
    "plot",
    "load",
    "Segmenter",
    "build",
    "list_models",
    "build_encoder",
    "list_encoders",
    "open_records",
    "datasets",
    "losses",
    "metrics",
    "weights",
    "UserError",
]


def __getattr__(name):
    # Resolved on first use, so that `import tfseg` costs nothing and loads no TensorFlow.
    if name in _MODULES:
        return importlib.import_module(f"tfseg.{name}")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tfseg' has no attribute {name!r}")


def __dir__():
    return [*__all__, "__version__"]


register_with_keras()
quieten_tensorflow()
