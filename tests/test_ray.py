"""`convert` on a real Ray cluster on 127.0.0.1: the same files as without."""

import subprocess
import sys

import pytest
from helpers.refusals import refused

REFUSED = {
    "convert --dataset=camvid --ray=10.0.0.1": "--ray=10.0.0.1: choose one of auto",
    "convert --dataset=camvid --source=s3://b/raw --ray=auto": "--source=s3://b/raw does not w",
}
WITHOUT = "import sys; sys.modules['ray'] = None; from tfseg.cli import main; main(sys.argv[1:])"


@pytest.mark.parametrize("typed", REFUSED)
def test_flags_that_do_not_go_together(typed, capsys):
    pytest.importorskip("ray", reason="needs the extra `ray`")
    assert REFUSED[typed] in refused(capsys, *typed.split())


def test_without_ray_a_line_says_what_installs_it():
    argv = ["convert", "--dataset=streets", "--ray=auto"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *argv], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: --ray needs ray: python -m pip install -e '.[ray]'\n"


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="needs the extra `ray`")
    from helpers.cluster import running

    with running() as cluster:
        yield cluster


def flags(**values):
    return [f"--{name}={value}" for name, value in values.items()]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_records_are_the_same_bytes(cluster, raw_camvid, tmp_path):
    made = {"dataset": "camvid", "source": raw_camvid, "shards": 2}
    cluster.said("convert", *flags(**made, output=tmp_path / "here", workers=1))
    cluster.said("convert", *flags(**made, output=tmp_path / "there", ray="auto"))
    here = contents(tmp_path / "here")
    assert len([name for name in here if "tfrecord" in name]) == 4
    assert here == contents(tmp_path / "there")


@pytest.mark.slow
def test_a_damaged_image_ends_in_one_line(cluster, raw_camvid, tmp_path):
    damaged = sorted((raw_camvid / "train").iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:200])
    given = flags(dataset="camvid", source=raw_camvid, output=tmp_path / "records", ray="auto")
    line = cluster.said("convert", *given, code=2).splitlines()[-1]
    assert line.startswith(f"error: {damaged}"), line
    assert not (tmp_path / "records" / "camvid" / "1.0.0").exists()
