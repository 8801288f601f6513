"""The export formats. To add one, add a module with its writer and reader, and a row in FORMATS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfseg.errors import UserError, require
from tfseg.exporting import litert, onnx, openvino, saved_model
from tfseg.labels import read_labels


@dataclass(frozen=True)
class Format:
    """A row of `FORMATS`.

    Attributes:
        write: (network, folder, config, frames): writes a folded network, built with the row's
            policy, according to an `ExportConfig`. `frames` (N, H, W, 3) calibrate int8.
        read: (path) -> a function of images uint8 (N, H, W, 3) that returns outputs by name.
        title: its name for messages.
        file: its file name in the folder; a SavedModel is the folder itself.
        runtime: the package that reads it.
        packages: packages besides TensorFlow that the writer imports, by precision, "" for all.
        policies: precision -> Keras policy of the network to convert. A format that lowers the
            precision itself takes a float32 network.
        refusal: why it lacks the other precisions.
    """

    write: Callable
    read: Callable
    title: str
    file: str
    runtime: str
    packages: dict[str, tuple[str, ...]]
    policies: dict[str, str]
    refusal: str


FLOATS = {"float32": "float32", "float16": "mixed_float16"}

FORMATS = {
    "saved_model": Format(
        saved_model.write,
        saved_model.read,
        "a SavedModel",
        "",
        "tensorflow",
        {},
        {**FLOATS, "bfloat16": "mixed_bfloat16"},
        "TensorFlow has no convolution for it",
    ),
    "litert": Format(
        litert.write,
        litert.read,
        "LiteRT",
        "model.tflite",
        "ai_edge_litert",
        {},
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "its interpreter has no convolution for it",
    ),
    "onnx": Format(
        onnx.write,
        onnx.read,
        "ONNX",
        "model.onnx",
        "onnxruntime",
        {"": ("onnx", "tf2onnx")},
        FLOATS,
        "ONNX Runtime has no convolution for bfloat16 on a CPU, and tf2onnx writes no int8",
    ),
    "openvino": Format(
        openvino.write,
        openvino.read,
        "OpenVINO",
        "model.xml",
        "openvino",
        {"": ("openvino",), "int8": ("nncf",)},
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "it turns to bfloat16 when it compiles a float32 file (INFERENCE_PRECISION_HINT)",
    ),
}


def check_formats(names, precision):
    """Raises `UserError` for a format that lacks `precision` or is not installed."""
    for name in names:
        wanted = FORMATS[name]
        if precision not in wanted.policies:
            raise UserError(
                f"--precision={precision}: not in {wanted.title}: {wanted.refusal}; choose one of "
                f"{', '.join(wanted.policies)}"
            )
        for package in (*wanted.packages.get("", ()), *wanted.packages.get(precision, ())):
            require(f"--format={name}", package, "export")


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
