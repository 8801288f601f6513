"""Makes the layers here known to Keras, so that it loads saved networks after `import tfseg`.

Importing Keras takes seconds, so `import tfseg` does not: where Keras comes later, its import
brings the layers along.
"""

import importlib
import importlib.util
import sys

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


def register_with_keras() -> None:
    """Registers the layers now, if Keras is there, or as soon as it is imported."""
    if hasattr(sys.modules.get("keras"), "saving"):
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register():
    """Imports what registers itself. These modules import none of each other, nor of the rooms
    above them: one of those may be what imports Keras just now."""
    for name in REGISTERED:
        importlib.import_module(f"tfseg.{name}")


class _AfterKeras:
    """Finds Keras where the other finders do, and registers when it has been executed.

    It stays until then: who only asks whether Keras is there does not import it.
    """

    looking = False

    def find_spec(self, name, path=None, target=None):
        if name != "keras" or self.looking:
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
                execute(module)
                _register()

            spec.loader.exec_module = exec_module
        return spec
