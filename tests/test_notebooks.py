"""The notebooks have no outputs in the repository, and run from top to bottom."""

import shutil

import nbformat
import pytest
from helpers.small import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHORTER = {"epochs = 20": "epochs = 1"}  # to save time


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not [cell for cell in code(notebook) if cell.outputs or cell.execution_count]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "place"),
    zip(NOTEBOOKS, (".", "notebooks"), strict=True),
    ids=lambda value: getattr(value, "stem", None),
)
def test_notebooks_run_from_top_to_bottom(path, place, tmp_path, monkeypatch):
    """One runs in the repository's root, one in its own folder; neither leaves files there."""
    from nbclient import NotebookClient

    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(ROOT / "records" / "streets", tmp_path / "records" / "streets")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, 4)
    for cell in code(notebook):
        for long, short in SHORTER.items():
            cell.source = cell.source.replace(long, short)
    resources = {"metadata": {"path": str(tmp_path / place)}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).execute()
    shown = [output for cell in code(notebook) for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 5
    assert sorted(tmp_path.rglob("*")) == before
