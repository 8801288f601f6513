"""The formats that networks are exported to. A new one is a file with its writer and reader, and a
row in FORMATS."""

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
        write: (network, folder, config, frames): writes a folded network, with the policy that
            the format asks for, as an `ExportConfig` says. `frames` (N, H, W, 3) are images that
            the ranges of int8 come from.
        read: (path) -> a function of images uint8 (N, H, W, 3), which gives outputs by name.
        title: what its authors call it.
        file: its name in the folder; a SavedModel is the folder itself.
        runtime: the package that reads it.
        packages: what writing it imports, beside TensorFlow: precision -> packages, "" for all.
        policies: precision -> the Keras policy of the network that is converted. A format that
            lowers the precision itself takes a network in float32.
        refusal: why it has none of the other precisions.
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
    """Raises `UserError` for a format that lacks `precision`, or is not installed."""
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
    """The task of an export, from the `labels.json` beside it; multiclass without one."""
    path = Path(path)
    labels = (path if path.is_dir() else path.parent) / "labels.json"
    return read_labels(labels).get("task", "multiclass") if labels.exists() else "multiclass"


def open_export(path):
    """An export as a function: images uint8 (N, H, W, 3) -> its outputs as arrays, by name.

    `path` is the folder of a SavedModel, or a file that ends in .tflite, .onnx or .xml. Raises
    `UserError` for what is no export, and where its runtime is not installed.
    """
    path = Path(path)
    by_suffix = {Path(row.file).suffix: row for row in FORMATS.values()}
    row = by_suffix.get(path.suffix, by_suffix[""])
    require(str(path), row.runtime, "export")
    try:
        return row.read(path)
    except Exception as error:  # every runtime has errors of its own
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path} is not an exported network: {reason}") from None
