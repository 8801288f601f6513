"""Downloads of data sets from a real local git repository and a real local HTTP server."""

import dataclasses
import hashlib
import io
import subprocess
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers.small import few_streets
from tensorflow_datasets.core.download.checksums import UrlInfo

from tfseg.datasets import get_dataset
from tfseg.datasets.download import _fetch, download, fetch_commit, unpack
from tfseg.errors import UserError


def git(folder, *words):
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    run = partial(subprocess.run, check=True, capture_output=True, text=True)
    return run(["git", *author, "-C", str(folder), *words]).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "CamVid").mkdir(parents=True)
    (folder / "CamVid" / "x.txt").write_text("frames")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    return folder


def test_a_commit_is_fetched(repository, tmp_path):
    commit = git(repository, "rev-parse", "HEAD")
    spec = dataclasses.replace(
        few_streets(),
        download=partial(fetch_commit, repository=str(repository), commit=commit),
    )
    folder = download(spec, tmp_path / "there" / "camvid")
    assert (folder / "CamVid" / "x.txt").read_text() == "frames"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["camvid"]
    repository.rename(tmp_path / "gone")
    assert download(spec, folder) == folder  # it exists: nothing is fetched
    with pytest.raises(UserError, match=f"could not fetch {repository} at {commit[:12]}: "):
        download(spec, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def archive(folder, name):
    """Writes a .zip or .tar with one file, a/b.txt, in `folder`; returns its bytes."""
    path = folder / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a/b.txt", "frames")
    else:
        with tarfile.open(path, "w") as file:
            info = tarfile.TarInfo("a/b.txt")
            info.size = 6
            file.addfile(info, io.BytesIO(b"frames"))
    return path.read_bytes()


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_archives_are_fetched_checked_and_unpacked(server, tmp_path, name):
    served, address = server
    data = archive(served, name)
    url = f"{address}/{name}"
    right = UrlInfo(size=len(data), checksum=hashlib.sha256(data).hexdigest(), filename=name)
    paths = _fetch(tmp_path / "got", {name: url}, {url: right})
    unpack(paths[name], tmp_path / "raw", name)
    assert (tmp_path / "raw" / "a" / "b.txt").read_text() == "frames"
    wrong = UrlInfo(size=len(data), checksum="0" * 64, filename=name)
    with pytest.raises(UserError, match=f"could not fetch {name}: "):
        _fetch(tmp_path / "again", {name: url}, {url: wrong})
    with pytest.raises(UserError, match=f"could not fetch {name}: "):
        _fetch(tmp_path / "none", {name: f"{address}/none"}, {f"{address}/none": right})
    (served / name).write_bytes(b"no archive")
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(served / name, tmp_path / "bad", name)


def test_what_may_not_be_fetched_says_where_it_is(tmp_path):
    with pytest.raises(
        UserError, match=r"download: cityscapes must be downloaded by hand.*leftImg8bit"
    ):
        download(get_dataset("cityscapes"), tmp_path / "x")
