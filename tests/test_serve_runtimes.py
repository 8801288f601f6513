"""The server's runtimes: equal masks, the fastest, missing ones."""

import shutil

import numpy as np
import pytest
from helpers.pictures import picture
from helpers.serving import Server, file_of, pixels_of

from tfseg.cli import main
from tfseg.config import ExportConfig
from tfseg.errors import UserError
from tfseg.exporting.export import export
from tfseg.exporting.formats import FORMATS
from tfseg.serving.runtimes import RUNTIMES
from tfseg.serving.versions import Version, Versions


@pytest.fixture(scope="module")
def versions(run, tmp_path_factory):
    """Version 1 has every format, version 2 only the SavedModel."""
    for row in FORMATS.values():
        pytest.importorskip(row.runtime, reason="the runtimes need the extra `export`")
    folder = tmp_path_factory.mktemp("runtimes") / "linknet"
    export(ExportConfig(run=run, output=folder / "1", format=tuple(FORMATS)))
    export(ExportConfig(run=run, output=folder / "2"))
    return folder


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_answers_with_the_same_masks(runtime, versions):
    plain, version = Version(versions / "2"), Version(versions / "1", runtime)
    assert version.runtime == runtime
    for shape in ((1, 48, 64), (2, 61, 83), (1, 32, 71)):
        images = np.stack([picture(*shape[1:], seed=seed) for seed in range(shape[0])])
        masks = [one.run("serving_default", {"images": images})["mask"] for one in (version, plain)]
        assert masks[0].shape == shape
        assert (masks[0] == masks[1]).mean() > (0.99 if runtime == "openvino_bfloat16" else 0.999)


def test_auto_tries_all_and_says_which(versions, tmp_path):
    folder = tmp_path / "linknet"
    shutil.copytree(versions / "1", folder / "1")
    server = Server(folder)
    try:
        assert any("the fastest" in line and "openvino" in line for line in server.log)
        status, _, png = server.ask("POST", "/segment", file_of(picture()))
        assert (status, pixels_of(png).shape) == (200, picture().shape[:2])
        figures = server.ask("GET", "/metrics")[2].decode()
        (line,) = (line for line in figures.splitlines() if line.startswith("tfseg_model_runtime"))
        assert line.split('"')[1] in FORMATS
    finally:
        server.stop()


def test_a_runtime_whose_file_is_missing(versions, tmp_path, capsys):
    shutil.copytree(versions / "2", tmp_path / "linknet" / "1")
    with pytest.raises(SystemExit) as error:
        main(["serve", f"--export={tmp_path / 'linknet'}", "--runtime=openvino", "--gpu=-1"])
    assert error.value.code == 2
    assert "no model.xml in it; export OpenVINO next to" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["half", "others"])
def test_a_file_that_does_not_fit_its_version(damage, versions, run, tmp_path, capsys):
    folder = tmp_path / "linknet"
    shutil.copytree(versions / "1", folder / "1")
    file = folder / "1" / "model.onnx"
    if damage == "half":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        wanted = ExportConfig(
            run=run, output=tmp_path / "other", format=("onnx",), outputs=("mask", "logits")
        )
        shutil.copy(export(wanted) / "model.onnx", file)
    with pytest.raises(UserError, match="no version in it could be loaded"):
        Versions(folder)
    assert "version 1 is not used: " in capsys.readouterr().err
