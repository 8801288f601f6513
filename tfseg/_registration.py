"""Makes the layers here known to Keras, so that it loads saved networks after `import tfseg`, and
lets TensorFlow load quietly and faster.

Importing either takes seconds, so `import tfseg` does not: it is done when they are imported.
"""

import gc
import importlib
import importlib.util
import sys
from contextlib import contextmanager

from tfseg.quiet import quiet

REGISTERED = (
    "layers.attention",
    "layers.batch_norm",
    "layers.bilinear",
    "layers.depthwise",
    "layers.dilation",
    "layers.gate",
    "layers.gelu",
    "layers.grouped",
    "layers.local_response",
    "layers.multi_head",
    "layers.object_context",
    "layers.padding",
    "layers.pooling",
    "layers.preprocess",
    "layers.resize",
    "layers.scale",
    "layers.similarity",
    "layers.tokens",
    "metrics",
    "schedules",
)

# How to load Keras and TensorFlow: as if packages were not installed, and with or without GPUs.
_loading = {"hidden": (), "gpus": True}


def register_with_keras() -> None:
    """Registers the layers now, if Keras is there, or as soon as it is imported."""
    if hasattr(sys.modules.get("keras"), "saving"):
        _register()
    else:
        sys.meta_path.insert(0, _Importing("keras", _execute_and_register))


def quieten_tensorflow() -> None:
    """TensorFlow's libraries write dozens of lines as they load; from now on they do not."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Importing("tensorflow", _execute_quietly))


def prepare_command(hidden: tuple[str, ...], gpus: bool) -> None:
    """For a process of one command: Keras will load as if the packages `hidden` were not
    installed, and without `gpus`, TensorFlow will leave every GPU's memory to others."""
    _loading.update(hidden=hidden, gpus=gpus)


def _execute_and_register(execute, module):
    with _hurried():
        execute(module)
    _register()


def _execute_quietly(execute, module):
    with _hurried(), quiet():
        execute(module)
        module.config.list_physical_devices("GPU")  # CUDA's libraries load here, and write
        if not _loading["gpus"]:
            module.config.set_visible_devices([], "GPU")


@contextmanager
def _hurried():
    hidden = [name for name in _loading["hidden"] if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # Python does not import what is None there
    collects = gc.isenabled()
    gc.disable()  # what loads stays; looking for garbage among it takes a quarter of the time
    try:
        yield
    finally:
        if collects:
            gc.enable()
        for name in hidden:
            del sys.modules[name]


def _register():
    """Imports what registers itself. These modules import none of each other, nor of the rooms
    above them: one of those may be what imports Keras just now."""
    for name in REGISTERED:
        importlib.import_module(f"tfseg.{name}")


class _Importing:
    """Finds a package where the other finders do, and executes it in a way of our own.

    It stays until then: who only asks whether the package is there does not import it.
    """

    def __init__(self, name, execute):
        self.name, self.execute, self.looking = name, execute, False

    def find_spec(self, name, path=None, target=None):
        if name != self.name or self.looking:
            return None
        self.looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.looking = False
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                sys.meta_path.remove(self)
                self.execute(execute, module)

            spec.loader.exec_module = exec_module
        return spec
