"""What each export format can hold and needs. Nothing here loads TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass

from tfseg.errors import UserError, require


@dataclass(frozen=True)
class Support:
    """A row of `SUPPORT`.

    Attributes:
        title: its name for messages.
        packages: packages besides TensorFlow that the writer imports, by precision, "" for all.
        policies: precision -> Keras policy of the network to convert. A format that lowers the
            precision itself takes a float32 network.
        refusal: why it lacks the other precisions.
    """

    title: str
    packages: dict[str, tuple[str, ...]]
    policies: dict[str, str]
    refusal: str


FLOATS = {"float32": "float32", "float16": "mixed_float16"}

SUPPORT = {
    "saved_model": Support(
        "a SavedModel",
        {},
        {**FLOATS, "bfloat16": "mixed_bfloat16"},
        "TensorFlow has no convolution for it",
    ),
    "litert": Support(
        "LiteRT",
        {},
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "its interpreter has no convolution for it",
    ),
    "onnx": Support(
        "ONNX",
        {"": ("onnx", "tf2onnx")},
        FLOATS,
        "ONNX Runtime has no convolution for bfloat16 on a CPU, and tf2onnx writes no int8",
    ),
    "openvino": Support(
        "OpenVINO",
        {"": ("openvino",), "int8": ("nncf",)},
        dict.fromkeys(("float32", "float16", "int8"), "float32"),
        "it turns to bfloat16 when it compiles a float32 file (INFERENCE_PRECISION_HINT)",
    ),
}


def check_formats(names: Sequence[str], precision: str) -> None:
    """Raises `UserError` for a format that lacks `precision` or is not installed."""
    for name in names:
        wanted = SUPPORT[name]
        if precision not in wanted.policies:
            raise UserError(
                f"--precision={precision}: not in {wanted.title}: {wanted.refusal}; choose one of "
                f"{', '.join(wanted.policies)}"
            )
        for package in (*wanted.packages.get("", ()), *wanted.packages.get(precision, ())):
            require(f"--format={name}", package, "export")
