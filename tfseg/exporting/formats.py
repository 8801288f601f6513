"""The export formats. To add one, add a module with its writer and reader, and rows in `FORMATS`
and `SUPPORT`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfseg.errors import UserError, require
from tfseg.exporting import litert, onnx, openvino, saved_model
from tfseg.exporting.support import SUPPORT, Support
from tfseg.labels import read_labels


@dataclass(frozen=True)
class Format:
    """A row of `FORMATS`.

    Attributes:
        write: (network, folder, config, frames): writes a folded network, built with the policy
            that `support` has for its precision, according to an `ExportConfig`. `frames`
            (N, H, W, 3) calibrate int8.
        read: (path) -> a function of images uint8 (N, H, W, 3) that returns outputs by name.
        support: its `Support`.
        file: its file name in the folder; a SavedModel is the folder itself.
        runtime: the package that reads it.
    """

    write: Callable
    read: Callable
    support: Support
    file: str
    runtime: str

    @property
    def title(self):
        return self.support.title


def _format(name, module, file, runtime):
    return Format(module.write, module.read, SUPPORT[name], file, runtime)


FORMATS = {
    "saved_model": _format("saved_model", saved_model, "", "tensorflow"),
    "litert": _format("litert", litert, "model.tflite", "ai_edge_litert"),
    "onnx": _format("onnx", onnx, "model.onnx", "onnxruntime"),
    "openvino": _format("openvino", openvino, "model.xml", "openvino"),
}


def exported_task(path):
    """The task of an export, from the `labels.json` in its folder; multiclass if there is none."""
    path = Path(path)
    labels = (path if path.is_dir() else path.parent) / "labels.json"
    return read_labels(labels).get("task", "multiclass") if labels.exists() else "multiclass"


def open_export(path):
    """An export as a function: images uint8 (N, H, W, 3) -> dict of output arrays.

    `path` is the folder of a SavedModel, or a .tflite, .onnx or .xml file. Raises `UserError` if
    it is not an export, or its runtime is not installed.
    """
    path = Path(path)
    by_suffix = {Path(row.file).suffix: row for row in FORMATS.values()}
    row = by_suffix.get(path.suffix, by_suffix[""])
    require(str(path), row.runtime, "export")
    try:
        return row.read(path)
    except Exception as error:  # every runtime has its own errors
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path} is not an exported network: {reason}") from None
