"""The `plot` command: reading of events, drawing, and refusals."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.curves import Curves, draw, legend_names, read_curves
from tfseg.errors import UserError


def write_events(folder, split, points):
    """Adds an event file with points (epoch, tag, value)."""
    writer = tf.summary.create_file_writer(str(folder / split))
    with writer.as_default():
        for epoch, tag, value in points:
            tf.summary.scalar(tag, value, step=epoch)
    writer.close()


def make_run(folder, mious=(), **settings):
    """Writes a run's folder with a config and a validation mIoU per epoch."""
    folder.mkdir(parents=True)
    TrainConfig(savedir=folder, **settings).save(folder / "config.json")
    if mious:
        points = [(epoch, "miou", value) for epoch, value in enumerate(mious, 1)]
        write_events(folder / "tensorboard", "val", points)
    return folder


def epochs_and_values(curve):
    return [epoch for epoch, _ in curve], pytest.approx([value for _, value in curve])


def test_what_is_read_is_what_training_wrote(run):
    curves = read_curves(run)
    for (split, tag), curve in curves.values.items():
        known = split == "train" or tag != "learning_rate"
        assert [epoch for epoch, _ in curve] == ([1, 2] if known else [])
    results = json.loads((run / "results.json").read_text())
    assert curves.best()[1] == pytest.approx(results["miou"], abs=1e-6)
    assert curves.values["train", "learning_rate"][-1][1] == pytest.approx(0, abs=1e-9)


def test_a_resumed_run_voids_what_came_after_its_checkpoint(tmp_path):
    run = make_run(tmp_path / "run", (0.1, 0.2, 0.3, 0.4, 0.5))  # killed; saved after epoch 2
    write_events(run / "tensorboard", "val", [(3, "miou", 0.35), (4, "miou", 0.45)])
    curve = read_curves(run).values["val", "miou"]
    assert epochs_and_values(curve) == ([1, 2, 3, 4], [0.1, 0.2, 0.35, 0.45])


def test_events_are_found_where_logdir_put_them(tmp_path):
    run = make_run(tmp_path / "run", (0.1, 0.2), logdir=tmp_path / "board")  # resumed with it
    write_events(tmp_path / "board", "val", [(3, "miou", 0.3)])
    assert [epoch for epoch, _ in read_curves(run).values["val", "miou"]] == [1, 2, 3]


def test_a_file_cut_short_by_a_kill_gives_its_whole_events(tmp_path):
    run = make_run(tmp_path / "run", (0.1, 0.2, 0.3))
    (events,) = (run / "tensorboard" / "val").iterdir()
    events.write_bytes(events.read_bytes()[:-10])
    assert [epoch for epoch, _ in read_curves(run).values["val", "miou"]] == [1, 2]


def test_runs_are_called_by_what_differs():
    default = dataclasses.asdict(TrainConfig())

    def called(*changes):
        runs = zip("abc", changes, strict=False)
        return legend_names([Curves(Path(name), {**default, **new}, {}) for name, new in runs])

    assert called({"clip_norm": 1.0}, {"learning_rate_init": 0.05, "gpu": ()}) == [
        "learning_rate_init=0.001, clip_norm=1",
        "learning_rate_init=0.05, clip_norm not set",
    ]
    assert called({"crop_size": (48, 64)}, {"crop_size": (96, 128)})[0] == "crop_size=48x64"
    assert called({"seed": 1}, {"seed": 1}, {"seed": 2}) == ["a", "b", "c"]  # two are alike
    assert called({"input": "x" * 80}, {"input": "y"}) == ["a", "b"]  # too long to read
    assert called({}) == ["a"]


def test_the_plot_shows_every_run(run, tmp_path, capsys):
    other = make_run(tmp_path / "other", (0.2, float("nan"), 0.4), optimizer="sgd")
    output = tmp_path / "new" / "curves.png"
    main(["plot", f"--run={run},{other}", f"--output={output}"])
    assert capsys.readouterr().out == f"wrote {output}\n"
    assert [path.name for path in output.parent.iterdir()] == ["curves.png"]
    with Image.open(output) as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 694))
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for color in ((0, 0x72, 0xB2), (0xD5, 0x5E, 0)):
        assert (pixels == color).all(axis=1).sum() > 100


def test_panels_hold_the_curves_and_stay_legible(tmp_path):
    gentle = make_run(tmp_path / "gentle", (0.1, 0.6, 0.5))
    steep = make_run(tmp_path / "steep", (0.3,), optimizer="sgd")
    for run, rate in ((gentle, 1e-3), (steep, 0.5)):
        points = [(epoch, "learning_rate", rate) for epoch in (1, 2, 3)]
        write_events(run / "tensorboard", "train", points)
    every = [read_curves(gentle), read_curves(steep)]
    figure = draw(every, legend_names(every))
    miou, _, rates = figure.axes
    drawn = [line.get_ydata().tolist() for line in miou.lines]
    best = [0.6]
    assert drawn == [pytest.approx(y) for y in ([0.1, 0.6, 0.5], best, [0.3], [0.3])]
    assert rates.get_yscale() == "log"  # linear, the smaller one would look like zero
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "optimizer=adamw"
    assert texts[2] == "best mIoU 0.600 at epoch 2"


def test_refusals(tmp_path):
    with pytest.raises(UserError, match=r"no figures in .*tensorboard yet"):
        read_curves(make_run(tmp_path / "young"))
    with pytest.raises(UserError, match=r"is not a run: it has no config\.json"):
        read_curves(tmp_path)
    with pytest.raises(UserError, match="which run"):
        read_curves(None)


def test_two_runs_in_one_logdir_are_refused(tmp_path, capsys):
    board = tmp_path / "board"
    runs = [make_run(tmp_path / name, logdir=board) for name in "ab"]
    write_events(board, "val", [(1, "miou", 0.3)])
    output = tmp_path / "curves.png"
    with pytest.raises(SystemExit):
        main(["plot", f"--run={runs[0]},{runs[1]}", f"--output={output}"])
    assert "cannot be told apart" in capsys.readouterr().err
    assert not output.exists()


def test_an_output_that_is_a_folder_is_refused(tmp_path, capsys):
    run = make_run(tmp_path / "run", (0.1,))
    with pytest.raises(SystemExit):
        main(["plot", f"--run={run}", f"--output={tmp_path}"])
    assert "is a folder; give a file" in capsys.readouterr().err
    shutil.rmtree(run)
    assert not list(tmp_path.iterdir())
