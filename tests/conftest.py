"""Small data for the tests: a few generated streets, raw and as records."""

import json
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the same results on every machine
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched, so `auto` always finds the same
os.environ["HF_HUB_CACHE"] = os.devnull

import cv2
import pytest
from helpers.page import Page
from helpers.small import SMALL, few_streets

from tfseg.labels import VOID


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """A folder of records: 6 + 3 streets of 48×64 pixels."""
    from tfseg.records.convert import convert

    folder = tmp_path_factory.mktemp("records")
    convert(few_streets(), None, folder, size=(48, 64))
    return folder


@pytest.fixture
def raw_camvid(tmp_path):
    """A raw folder in the layout of CamVid's SegNet edition, 3 + 2 generated frames."""
    folder = tmp_path / "raw"
    spec = few_streets(3, 2)
    for split, frames in spec.list_frames(None).items():
        (folder / split).mkdir(parents=True)
        (folder / f"{split}annot").mkdir()
        for frame in frames:
            label = frame.label()
            label[label == VOID] = 11
            cv2.imwrite(str(folder / split / f"{frame.id}.png"), frame.image()[..., ::-1])
            cv2.imwrite(str(folder / f"{split}annot" / f"{frame.id}.png"), label)
    return folder


@pytest.fixture(scope="session")
def run(records, tmp_path_factory):
    """A finished run: LinkNet, two epochs on the small records."""
    from tfseg.config import TrainConfig
    from tfseg.training.fit import train

    folder = tmp_path_factory.mktemp("runs") / "first"
    return train(TrainConfig(input=records, savedir=folder, epochs=2, **SMALL))


@pytest.fixture(scope="session")
def tested(run, tmp_path_factory):
    """A copy of the run, tested with a report: (run, results, page)."""
    from tfseg.cli import main

    folder = tmp_path_factory.mktemp("tested") / "mine"
    shutil.copytree(run, folder)
    page = folder / "pages" / "report.html"
    main(["test", f"--run={folder}", "--gpu=-1", f"--html={page}"])
    return folder, json.loads((folder / "test-val.json").read_text()), Page(page)


@pytest.fixture(scope="session")
def server(run, tmp_path_factory):
    """A server for that run's export, in its own process."""
    pytest.importorskip("uvicorn", reason="serving needs the extra `serve`")
    from helpers.serving import Server

    from tfseg.config import ExportConfig
    from tfseg.exporting.export import export

    folder = tmp_path_factory.mktemp("exports") / "linknet"
    export(ExportConfig(run=run, output=folder / "1"))
    server = Server(folder)
    yield server
    assert server.stop() == 0, "".join(server.log)


@pytest.fixture(scope="session")
def bucket():
    """The line to a server with S3's protocol; tests share nothing in its bucket `data`."""
    pytest.importorskip("s3fs", reason="needs the extra `s3`")
    pytest.importorskip("moto", reason="needs moto[server]")
    from helpers.bucket import served

    with served() as line:
        yield line


@pytest.fixture
def line(bucket, tmp_path, monkeypatch):
    """The line to a server with an empty bucket `data`, and an empty local cache."""
    from tfseg.storage import remote

    monkeypatch.setenv("TFSEG_CACHE", str(tmp_path / "cache"))
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    remote._systems.clear()
    bucket.pause, bucket.cuts = 0.0, 0
    for name in bucket.system.find("data"):
        bucket.system.rm_file(name)
    return bucket


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, through playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pages are tested by playwright")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        browser.close()
