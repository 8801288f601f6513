"""Refusals before TensorFlow loads; the runs `last` and `best`; a quiet terminal."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import tiny
from helpers.refusals import refused
from helpers.small import ROOT
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.commands import COMMANDS, _exported
from tfseg.config import TrainConfig
from tfseg.runs import RunFolder, find_run
from tfseg.training.fit import train

# Command -> its one-line refusal. None needs TensorFlow, which takes seconds to load.
REFUSED = {
    "predict --run=nope --input=photo.png": "nope is not a run",
    "predict --run=run --input=nope.png": "--input=nope.png does not exist",
    "predict --run=run --input=nope.mp4": "there is no such file",
    "predict --run=run --checkpoint=nope.pth --input=photo.png": "nope.pth does not exist",
    "predict --run=run --model=enet --input=photo.png": "--model=enet with --run=run",
    "predict --input=photo.png": "which run? --run=FOLDER",
    "predict --run=run": "predict needs --input",
    "predict --model=segformer_b0_ade2k --input=photo.png": "did you mean segformer_b0_ade20k",
    "test --run=nope": "nope is not a run",
    "test --run=run --input=nope": "--input=nope does not exist",
    "test --export=nope --input=records": "--export=nope does not exist",
    "test --predictions=nope --input=records": "--predictions=nope is not a folder",
    "test --run=run --compare=nope --html=a.html": "--compare=nope is not a folder",
    "test --export=run": "--export needs --input=RECORDS",
    "export --run=nope --output=new": "nope is not a run",
    "export --run=run": "export needs --output",
    "export --run=run --output=run": "--output=run exists; choose another",
    "export --run=run --output=new --format=onxx": "--format=onxx: choose one of",
    "serve --export=nope": "--export=nope has no version",
    "serve --run=nope": "nope is not a run",
    "serve": "serve needs --export",
    "serve --model=linknet": "unknown trained network 'linknet'",
    "serve --run=run --token_file=nope": "--token_file=nope: No such file",
    "plot --run=run,nope": "nope is not a run",
    "plot --run=best": "--run=best: ",
    "train --input=nope": "--input=nope does not exist",
    "train --input=records,nope": "--input=nope does not exist",
    "train --input=records --checkpoint=nope.h5": "nope.h5 does not exist",
    "train --input=records --savedir=photo.png": "--savedir=photo.png is a file",
    "train --recipe=nope.toml": "--recipe=nope.toml: there is no such file",
    "train --input=records --model=linkent": "unknown network 'linkent'; did you mean linknet",
    "train --input=records --encoder=resnet17": "did you mean resnet18",
    "train --input=records --encoder=nope": "unknown encoder 'nope'; `models` lists them",
    "models --name=linkent": "did you mean linknet",
    "train --resume=nope": "nope is not a run",
    "train --resume=last": "--resume=last: ",
    "inspect --input=nope": "--input=nope does not exist",
    "convert --dataset=foo": "there are: ade20k",
    "convert --dataset=camvid --source=nope": "--source=nope is not a folder",
}
SCRIPT = """
import sys
from tfseg.cli import main
for line in sys.stdin.read().splitlines():
    try:
        main(line.split())
    except SystemExit as stopped:
        assert stopped.code == 2, line
    assert "tensorflow" not in sys.modules, line
"""


@pytest.fixture
def desk(tmp_path):
    TrainConfig().save(tmp_path / "run" / "config.json")
    (tmp_path / "records" / "mine").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    return tmp_path


def python(code, folder, given=""):
    """Runs a fresh interpreter without environment variables that silence TensorFlow."""
    env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    env["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        input=given,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done


def test_refusals_do_not_wait_for_tensorflow(desk):
    said = python(SCRIPT, desk, "\n".join(REFUSED)).stderr.splitlines()
    assert len(said) == len(REFUSED)
    for line, (typed, words) in zip(said, REFUSED.items(), strict=True):
        assert line.startswith("error: "), typed
        assert words in line, typed


def draw_run(folder, name, age, miou):
    TrainConfig().save(folder / "runs" / name / "config.json")
    os.utime(folder / "runs" / name / "config.json", (10**9 - age, 10**9 - age))
    if miou is not None:
        (folder / "runs" / name / "results.json").write_text(json.dumps({"miou": miou}))


def configured(name, **options):
    with COMMANDS[name].configured(**options) as config:
        return config


def test_last_and_best(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tfseg.UserError, match=r"run=last: .*runs has no run; train one"):
        find_run("last")
    draw_run(tmp_path, "unfinished", 1, None)
    with pytest.raises(tfseg.UserError, match=r"run=best: no run in runs has a results\.json"):
        find_run("best")
    draw_run(tmp_path, "old", 9, 0.7)
    draw_run(tmp_path, "worse", 5, 0.6)
    draw_run(tmp_path, "odd", 7, "high")
    flags = {"predict": {"input": "."}, "test": {}, "export": {"output": "new"}, "serve": {}}
    for name, others in flags.items():
        assert str(configured(name, run="best", **others).run) == "runs/old"
        assert str(configured(name, run="last", **others).run) == "runs/unfinished"
    both = configured("plot", run="last,best").run
    assert list(map(str, both)) == ["runs/unfinished", "runs/old"]
    assert str(configured("train", resume="last").resume) == "runs/unfinished"
    assert "--run=best is runs/old, val mIoU 0.700\n" in capsys.readouterr().out
    (tmp_path / "best").mkdir()
    assert str(find_run("best")) == "best"  # a folder of that name has priority


def test_the_last_run_predicts(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(run)
    Image.new("RGB", (64, 48)).save("photo.png")
    main(["predict", "--run=last", "--input=photo.png", "--gpu=-1"])
    assert "--run=last is runs/mine" in capsys.readouterr().out
    assert Image.open("predictions/photo.png").size == (64, 48)
    assert tfseg.load("best").predict("photo.png").shape == (48, 64)
    argv = ("predict", "--run=last", "--input=none.png")
    assert "--input=none.png does not exist" in refused(capsys, *argv)


def test_a_served_run_is_exported_where_that_is_missing_or_old(records, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(tiny.config(records, tmp_path / "run", epochs=1))
    config = configured("serve", run=run)
    versions = Path("exports", "run")
    for _ in range(2):
        assert _exported(config) == versions
        assert os.listdir(versions) == ["1"]
    os.utime(RunFolder(run).best, (2**31, 2**31))  # trained further since then
    assert _exported(config) == versions
    assert sorted(os.listdir(versions)) == ["1", "2"]


@pytest.mark.parametrize("argv", [("inspect", "--input={}"), ("models", "--name=enet")])
def test_commands_without_gpu_load_quietly_and_only_what_they_use(argv, records, tmp_path):
    argv = [word.format(records) for word in argv]
    code = (
        "from tfseg import _registration\n"
        "from tfseg.cli import main\n"
        f"main({argv})\n"
        "assert _registration._loading['gpus'] is False\n"
        "from keras.src.visualization import plot_image_gallery\n"
        "assert plot_image_gallery.plt is None\n"
        "import matplotlib.pyplot\n"  # is there for others
    )
    done = python(code, tmp_path)
    assert not re.search(r"cuda|[WIE]0000", done.stderr, re.IGNORECASE)


def test_python_is_as_quiet_as_the_command_line(records, tmp_path):
    code = (
        "import tfseg\n"
        "from helpers import tiny\n"
        f"run = tfseg.train(input={str(records)!r}, model='tiny', epochs=1, gpu=-1, batch_size=2,"
        " precision='float32', loss='lovasz', tracker='tensorboard')\n"
        f"tfseg.inspect(input={str(records)!r})\n"
        "tfseg.export(run=run, output='export', format='litert', precision='int8')\n"
    )
    done = python(code, tmp_path)
    bars = r"(scoring|examining|exporting|reading)[^\n]*"
    assert not re.sub(bars, "", done.stderr.replace("\r", "\n")).strip()
    assert not re.search(r"tensorflow|cuda|onednn|[WIE]0000|quantize", done.stdout, re.IGNORECASE)
