"""Installation: pins, extras, the distribution's name, and commands without extras."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution

import pytest
from helpers.small import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tfseg
from tfseg.errors import DISTRIBUTION, UserError, install_hint, require

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_PINNED = {"gpu"}  # its wheels do not fit every machine


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    rows = [line for line in lines if line[0] not in "#-"]
    assert rows == sorted(rows, key=str.lower)
    assert all(" " not in row and row.count("==") == 1 for row in rows)
    return {canonicalize_name(row.partition("==")[0]) for row in rows}


def needed(requirements):
    """Names of the distributions that requirements need, from the installed metadata."""
    found, left = set(), [Requirement(text) for text in requirements]
    while left:
        wanted = left.pop()
        name = canonicalize_name(wanted.name)
        if name in found or not (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        left += [Requirement(text) for text in distribution(name).requires or ()]
    return found


def test_requirements_are_what_running_needs():
    assert pins("requirements.txt") == needed(PROJECT["dependencies"]) - {"setuptools"}


def test_every_extra_is_pinned_for_the_tests():
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text().splitlines()
    every = pins("requirements.txt") | pins("requirements-dev.txt")
    for extra, rows in PROJECT["optional-dependencies"].items():
        if extra not in NOT_PINNED:
            assert {canonicalize_name(Requirement(row).name) for row in rows} <= every, extra
    assert not pins("requirements.txt") & pins("requirements-dev.txt")


def test_names_and_versions_agree():
    assert PROJECT["name"] == DISTRIBUTION
    assert f"version: {tfseg.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {tfseg.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_hints_name_what_installs_the_extra(tmp_path, monkeypatch):
    assert install_hint("export") == "python -m pip install -e '.[export]'"
    monkeypatch.setattr("tfseg.errors.__file__", str(tmp_path / "tfseg" / "errors.py"))
    with pytest.raises(UserError) as refused:
        require("--format=onnx", "no_such_package", "export")
    assert str(refused.value) == (
        f"format=onnx needs no-such-package: python -m pip install '{DISTRIBUTION}[export]'"
    )
    for extra in ("export", "serve", "crf", "download"):
        assert extra in PROJECT["optional-dependencies"]


def test_heavy_extras_are_imported_where_they_are_used():
    for path in (ROOT / "tfseg").rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not line.startswith(("import tensorflow_datasets", "from tensorflow_datasets"))
            assert not line.startswith(("import scipy", "from scipy")), path


WITHOUT = """
import sys
for name in ("tensorflow_datasets", "pyarrow", "scipy"):
    sys.modules[name] = None  # as where it is not installed
from tfseg.cli import main
main(sys.argv[1:])
"""


def without_extras(*argv):
    code = [sys.executable, "-c", WITHOUT, *map(str, argv)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(code, env=env, capture_output=True, text=True)


def test_predict_and_convert_need_no_extra(run, tmp_path):
    argv = ["predict", f"--run={run}", f"--input={ROOT / 'docs' / 'images' / 'unet.png'}"]
    done = without_extras(*argv, f"--output={tmp_path / 'masks'}", "--gpu=-1")
    assert not done.returncode, done.stderr
    assert list((tmp_path / "masks").rglob("*.png"))
    done = without_extras("convert", "--dataset=streets", "--limit=1", f"--output={tmp_path}")
    assert not done.returncode, done.stderr
    done = without_extras(*argv, "--crf", f"--output={tmp_path / 'refined'}", "--gpu=-1")
    assert done.returncode == 2
    assert done.stderr == "error: --crf needs scipy: python -m pip install -e '.[crf]'\n"
    assert not (tmp_path / "refined").exists()
