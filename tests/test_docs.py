"""Code in the documentation: Python code runs, and the command line accepts every command."""

import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from helpers.small import ROOT
from PIL import Image

import tfseg
from tfseg.cli import _checked
from tfseg.commands import COMMANDS

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page, *languages):
    return [code for language, code in FENCED.findall(TEXT[page]) if language in languages]


@pytest.fixture(scope="module")
def desk(run, records, tmp_path_factory):
    """A folder with the files that the examples name: a run, an image, a checkpoint."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "runs").mkdir()
    (folder / "runs" / "camvid-linknet-20260101-120000").symlink_to(run)
    (folder / "records-camvid").symlink_to(records)
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(folder / "photo.jpg")
    return folder


def pytorch_unet(path):
    """Writes a checkpoint of the U-Net that docs/migrating.md loads, with our weights."""
    import safetensors.numpy

    from tfseg.layers.state_dict import named_variables

    state = {}
    for key, (_, variable) in named_variables(tfseg.build("unet", 11, encoder="resnet34")).items():
        array = np.asarray(variable)
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        state[f"encoder.{key}" if key.startswith(("conv1", "bn1", "layer")) else key] = array
    safetensors.numpy.save_file(
        {key: np.ascontiguousarray(array) for key, array in state.items()}, path
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in TEXT if blocks(page, "python")])
def test_python_runs(page, desk):
    code = "\n".join(blocks(page, "python"))
    if "unet-resnet34" in code:
        pytorch_unet(desk / "unet-resnet34.safetensors")
    if "exports/linknet/1" in code:
        tfseg.export(
            run=desk / "runs" / "camvid-linknet-20260101-120000",
            output=desk / "exports" / "linknet" / "1",
            format="saved_model,litert,onnx,openvino",
        )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=desk, capture_output=True, env=fresh_environment()
    )
    assert not done.returncode, done.stderr.decode()[-2000:]


def test_names_in_the_text_exist():
    """Every `tfseg.name` between backticks on any page, in one fresh interpreter."""
    text = "\n".join(TEXT.values())
    names = sorted(set(re.findall(r"`(tfseg(?:\.[A-Za-z_]\w*)+)", text)))
    code = "import tfseg, importlib\n" + "\n".join(map(_resolved, names))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=fresh_environment()
    )
    assert not done.returncode, done.stderr.decode()[-500:]


def _resolved(name):
    """Code that resolves a name as a user types it, or as a module."""
    return f"try:\n    {name}\nexcept AttributeError:\n    importlib.import_module({name!r})"


def fresh_environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}


def commands(page):
    """The arguments of every `python train.py` in a page's code, without comments and prompts."""
    for code in blocks(page, "", "bash", "sh", "console"):
        for line in code.replace("\\\n", " ").splitlines():
            if line.strip().startswith("python train.py "):
                yield shlex.split(line, comments=True)[2:]


@pytest.mark.parametrize("page", TEXT)
def test_the_command_line_understands_every_command(page):
    for argv in commands(page):
        if "--help" in argv:
            continue
        name, *flags = _checked(argv)
        pairs = (flag.removeprefix("--").partition("=") for flag in flags)
        COMMANDS[name].config.of(**{key: value for key, _, value in pairs})
