"""The house: which room imports which, and that importing costs nothing."""

import ast
import subprocess
import sys

from conftest import ROOT

# room -> the rooms it may import; what is absent imports none.
ARROWS = {
    "catalog": {"encoders", "models", "visualize"},
    "config": {"datasets", "flags"},
    "curves": {"config", "flags", "runs"},
    "data": {"records", "visualize"},
    "datasets": {"flags"},
    "doctor": {"config", "data", "datasets", "losses", "page", "records", "visualize"},
    "encoders": {"checkpoints", "layers"},
    "evaluation": {
        "config", "data", "datasets", "devices", "exporting", "metrics", "networks", "page",
        "prediction", "records", "runs", "visualize",
    },
    "exporting": {"config", "layers", "metrics", "models", "networks", "records"},
    "models": {"encoders", "layers"},
    "networks": {"checkpoints", "config", "datasets", "models", "records", "runs", "weights"},
    "prediction": {
        "config", "datasets", "devices", "metrics", "models", "networks", "visualize",
    },
    "records": {"datasets"},
    "runs": {"config"},
    "serving": {"devices", "visualize"},
    "training": {
        "data", "devices", "evaluation", "losses", "metrics", "models", "networks", "prediction",
        "records", "runs", "schedules", "visualize",
    },
    "weights": {"encoders", "layers", "models"},
}  # fmt: skip
EVERYBODYS = {"errors", "labels", "atomic", "images"}
COMMANDS = {"cli", "commands", "__init__", "_registration"}  # which reach into every room


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tfseg"):
            if node.module == "tfseg":
                yield from (alias.name for alias in node.names)
            else:
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("tfseg."))


def test_the_arrows_point_one_way():
    for path in (ROOT / "tfseg").rglob("*.py"):
        room = path.relative_to(ROOT / "tfseg").parts[0].removesuffix(".py")
        if room in COMMANDS:
            continue
        allowed = ARROWS.get(room, set()) | {room} | EVERYBODYS
        assert set(imports(path)) <= allowed, f"{path} imports {set(imports(path)) - allowed}"


def test_networks_are_written_in_keras_alone():
    allowed = {
        "batch_norm.py",
        "dilation.py",
        "resize.py",
    }  # each with one check for TensorFlow's kernel
    for room in ("models", "encoders", "layers"):
        for path in (ROOT / "tfseg" / room).rglob("*.py"):
            assert path.name in allowed or "tensorflow" not in path.read_text(), path


def test_import_loads_no_tensorflow():
    code = "import sys, tfseg, tfseg.cli; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
