"""The report: a page of metrics, and a comparison of runs."""

import base64
import csv
import io
import json
import shutil

import numpy as np
import pytest
from helpers.page import Page, percent
from helpers.refusals import refused
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.metrics import pair_counts, scores


def test_the_page_needs_nothing_but_itself(tested):
    _, _, page = tested
    links = [link for link in page.links if not link.startswith("#")]
    assert links
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert not page.tags & {"link", "iframe"}
    assert "<script>" in page.source  # inline, like everything
    assert "http" not in page.source.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in page.source
    assert "@import" not in page.source
    for link in links:
        with Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2]))) as picture:
            picture.load()
            assert min(picture.size) >= 32


def test_the_page_has_the_figures_of_the_test(tested):
    _, figures, page = tested
    assert f"streets: {percent(figures['miou'])} % mIoU" in page.text
    titles = {
        "pixel accuracy": "pixel_accuracy", "class accuracy": "class_accuracy",
        "frequency-weighted IoU": "fw_iou", "Boundary mIoU": "boundary_miou", "mean BF": "mean_bf",
        "expected calibration error": "ece",
    }  # fmt: skip
    for title, key in titles.items():
        assert f"{title}{percent(figures[key])} %" in page.text
    assert [cell for cell in page.row("class") if cell] == ["class", "IoU", "Boundary IoU", "BF"]
    for name, iou in figures["iou"].items():
        values = (iou, figures["boundary_iou"][name], figures["bf"][name])
        assert page.row(name)[2:] == [percent(value) for value in values]


def test_the_page_shows_frames_matrix_and_calibration(tested):
    _, _, page = tested
    # The confusion matrix, and image, label, mask and errors of all three frames.
    assert sum(link.startswith("data:") for link in page.links) == 1 + 4 * 3
    for word in ("Worst", "Best", "Calibration", "confusion matrix"):
        assert word in page.source
    assert "svg" in page.tags


def test_every_frame_has_its_figures(tested, records):
    folder, figures, page = tested
    with open(folder / "test-val-frames.csv", newline="") as file:
        heading, *rows = csv.reader(file)
    names = list(figures["iou"])
    assert heading == ["id", "miou", "pixel_accuracy", *(f"iou {name}" for name in names)]
    val = tfseg.open_records(records).splits["val"]
    network = tfseg.load(folder)
    for index, (name, *values) in enumerate(rows):
        image, label = val.frame(index)
        assert name == val.about(index)[0]
        matrix = pair_counts(label, network.predict(image), len(names))[1:, : len(names)]
        own = scores(matrix)
        wanted = [own["miou"], own["pixel_accuracy"], *own["iou"]]
        found = [float(value or "nan") for value in values]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        shown = ["–" if np.isnan(value) else percent(value) for value in wanted]
        assert page.row(name)[1:] == shown
        assert f'id="row-{index}"' in page.source
    assert {f"#frame-{index}" for index in range(3)} < set(page.links)  # all three are shown


def test_the_frames_are_sorted_by_a_click(tested, browser):
    folder, _, _ = tested
    page = browser.new_page()
    page.goto((folder / "pages" / "report.html").as_uri())
    cells = "document.querySelectorAll('#frames tbody tr td:nth-child({})')"

    def column(number):
        found = page.evaluate(f"[...{cells.format(number)}].map(cell => cell.textContent)")
        return [float(text) for text in found if text != "–"] if number > 1 else found

    before = column(1)
    for number, name in ((2, "mIoU"), (3, "pixel accuracy"), (4, "Sky")):
        page.click(f"#frames button:text-is('{name}')")
        assert column(number) == sorted(column(number))
        page.click(f"#frames button:text-is('{name}')")
        assert column(number) == sorted(column(number), reverse=True)
    page.click("#frames button:text-is('frame')")
    assert column(1) == sorted(before)
    page.close()


@pytest.fixture(scope="module")
def other(tested, tmp_path_factory):
    """Another tested run, worse at Road and better at everything else."""
    _, figures, _ = tested
    other = tmp_path_factory.mktemp("tested") / "theirs"
    other.mkdir()
    figures = json.loads(json.dumps(figures)) | {"miou": 0.987}
    figures["iou"] = dict.fromkeys(figures["iou"], 0.25)
    figures["iou"]["Road"] = 0.0
    (other / "test-val.json").write_text(json.dumps(figures))
    return other


def test_runs_side_by_side(tested, other, tmp_path):
    folder, figures, _ = tested
    path = tmp_path / "report.html"
    flags = [f"--html={path}", f"--compare={other}", f"--output={tmp_path}"]
    main(["test", f"--run={folder}", "--gpu=-1", *flags])
    page = Page(path)
    assert ["", "mine", "theirs"] in page.rows
    assert page.row("mIoU") == ["mIoU", percent(figures["miou"]), "98.7"]
    road = figures["iou"]["Road"]
    assert page.row("IoU of Road") == ["IoU of Road", percent(road), "0.0"]
    assert "<td><b>98.7</b></td>" in page.source


def test_runs_of_one_name_are_told_apart_by_their_folders(tested, other, tmp_path):
    folder, figures, _ = tested
    twin = tmp_path / folder.name
    shutil.copytree(other, twin)
    path = tmp_path / "report.html"
    flags = [f"--html={path}", f"--compare={twin}", f"--output={tmp_path}"]
    main(["test", f"--run={folder}", "--gpu=-1", *flags])
    page = Page(path)
    assert ["", str(folder), str(twin)] in page.rows
    assert page.row("mIoU") == ["mIoU", percent(figures["miou"]), "98.7"]


def test_a_run_that_was_not_tested_cannot_be_compared(run, tested, tmp_path, capsys):
    (tmp_path / "new").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "test-val.json").write_text("[1]")
    argv = ["test", f"--run={tested[0]}", "--gpu=-1", f"--compare={tmp_path / 'odd'}"]
    assert "odd has no test-val.json" in refused(capsys, *argv, f"--html={tmp_path / 'r.html'}")
    assert "not a folder" in refused(capsys, *argv, f"--html={tmp_path}")
    argv = ["test", f"--run={tested[0]}", "--gpu=-1", f"--compare={tmp_path / 'new'}"]
    error = refused(capsys, *argv, f"--html={tmp_path / 'report.html'}")
    assert "new has no test-val.json; test --run=" in error
    assert not (tmp_path / "report.html").exists()
    assert "--compare needs --html=FILE, the report that shows it" in refused(capsys, *argv)
