"""tfseg: train, evaluate and ship semantic segmentation in TensorFlow and Keras 3."""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "build": "tfseg.models",
    "build_encoder": "tfseg.encoders",
    "load": "tfseg.evaluation.inference",
    "open_records": "tfseg.records.reader",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    # Resolved on first use, so that `import tfseg` costs nothing and loads no TensorFlow.
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tfseg' has no attribute {name!r}")


def __dir__():
    return __all__
