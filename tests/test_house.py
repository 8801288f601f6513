"""The architecture: which package imports which, and cheap imports."""

import ast
import dataclasses
import importlib
import subprocess
import sys

import pytest
from helpers.small import ROOT

from tfseg import names
from tfseg._registration import REGISTERED
from tfseg.commands import COMMANDS
from tfseg.encoders import ENCODERS
from tfseg.models import MODELS

# package -> the packages it may import; others import none.
ARROWS = {
    "catalog": {"encoders", "models", "pretrained", "visualize"},
    "cluster": {"config", "flags", "parsing", "prediction", "runs", "training"},
    "config": {"datasets", "flags", "parsing"},
    "curves": {"config", "flags", "runs"},
    "data": {"memory", "records", "visualize"},
    "decision": {"metrics"},
    "devices": {"memory"},
    "datasets": {"flags", "parsing"},
    "flags": {"parsing"},
    "doctor": {
        "class_weights", "config", "data", "datasets", "memory", "pages", "records", "training",
        "visualize",
    },
    "encoders": {"checkpoints", "fetching", "layers"},
    "evaluation": {
        "config", "data", "datasets", "devices", "exporting", "metrics", "networks", "pages",
        "prediction", "records", "runs", "visualize",
    },
    "exporting": {"config", "decision", "layers", "models", "networks", "records"},
    "card": {"config", "flags", "hub_runs", "runs"},
    "hub": {
        "card", "config", "fetching", "hub_runs", "networks", "prediction", "records", "runs",
        "visualize",
    },
    "hub_runs": {"fetching"},
    "losses": {"metrics"},
    "models": {"encoders", "layers"},
    "networks": {
        "checkpoints", "config", "datasets", "decision", "hub_runs", "models", "pretrained",
        "records", "runs", "weights",
    },
    "prediction": {
        "config", "datasets", "decision", "devices", "metrics", "models", "networks",
        "hub_runs", "pretrained", "runs", "visualize",
    },
    "pretrained": {"config", "datasets", "fetching"},
    "records": {"datasets"},
    "runs": {"checkpoints", "config"},
    "serving": {"decision", "devices", "exporting", "pages", "visualize"},
    "storage": {"datasets", "flags"},
    "training": {
        "class_weights", "config", "data", "decision", "devices", "evaluation", "losses", "memory",
        "metrics", "models", "networks", "prediction", "pretrained", "records", "runs",
        "schedules", "visualize",
    },
    "weights": {"checkpoints", "encoders", "layers", "models"},
}  # fmt: skip
EVERYBODYS = {"errors", "labels", "atomic", "images", "addresses", "storage", "quiet"}
ABOVE = {"cli", "commands", "checks", "__init__", "_registration"}  # these may import every package


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
        if room in ABOVE:
            continue
        allowed = ARROWS.get(room, set()) | {room} | EVERYBODYS
        assert set(imports(path)) <= allowed, f"{path} imports {set(imports(path)) - allowed}"


def test_no_circle():
    """Removes packages without remaining imports until none is left."""
    left = {room: set(arrows) for room, arrows in ARROWS.items()}
    while left:
        free = {room for room, arrows in left.items() if not arrows & left.keys()}
        assert free, f"in a circle: {left}"
        left = {room: arrows for room, arrows in left.items() if room not in free}


def test_files_and_functions_are_short():
    for path in (*(ROOT / "tfseg").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        assert len(path.read_text().splitlines()) <= 300, path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_flags_offer_what_the_tables_have(command):
    for field in dataclasses.fields(command.config):
        if field.metadata["table"] is None:
            continue
        module, _, table = field.metadata["table"].partition(":")
        names = getattr(importlib.import_module(module), table)
        choices = field.metadata["choices"]
        if choices:
            assert set(choices) - {"none", "auto"} == set(names), field.name
        else:
            assert all(name in field.metadata["help"] for name in names), field.name


def test_names_that_are_checked_early_are_those_of_the_tables():
    networks = [name for name, row in MODELS.items() if row.paper != "tests"]
    assert networks == names.NETWORKS
    assert list(ENCODERS) == names.ENCODERS


def test_networks_are_written_in_keras_alone():
    allowed = {
        "batch_norm.py",
        "depthwise.py",
        "dilation.py",
        "resize.py",
    }  # each checks for TensorFlow's kernel
    for room in ("models", "encoders", "layers"):
        for path in (ROOT / "tfseg" / room).rglob("*.py"):
            assert path.name in allowed or "tensorflow" not in path.read_text(), path


def test_what_registers_with_keras_is_imported_with_it():
    found = {
        ".".join(path.relative_to(ROOT / "tfseg").with_suffix("").parts)
        for path in (ROOT / "tfseg").rglob("*.py")
        if "@keras.saving.register_keras_serializable" in path.read_text()
    }
    assert found == set(REGISTERED)


def test_import_loads_no_tensorflow():
    code = "import sys, tfseg, tfseg.cli; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
