"""`test --tune`: test-time options compared on val."""

import json

import pytest
from helpers import tiny
from helpers.refusals import refused

from tfseg.cli import main
from tfseg.evaluation.tune import WAYS
from tfseg.training.fit import train


@pytest.fixture(scope="module")
def trained(records, tmp_path_factory):
    return train(tiny.config(records, tmp_path_factory.mktemp("tune") / "run", epochs=1))


def miou(trained, *flags):
    main(["test", f"--run={trained}", "--gpu=-1", *flags])
    return json.loads((trained / "test-val.json").read_text())["miou"]


def test_every_way_has_the_figures_of_its_flags(trained, capsys):
    main(["test", f"--run={trained}", "--tune", "--gpu=-1"])
    shown = capsys.readouterr().out
    tuned = json.loads((trained / "tune-val.json").read_text())
    assert list(tuned["ways"]) == list(WAYS)
    for flags, row in tuned["ways"].items():
        assert row["miou"] == miou(trained, *flags.split())
    best = max(row["miou"] for row in tuned["ways"].values())
    assert best - tuned["ways"][tuned["best"]]["miou"] < 0.001
    assert f"best on val: {tuned['best'] or 'plain; no option is worth its time'}" in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split=test"], "--tune chooses on val, so that test stays unseen"),
        (["--flip"], "--flip does not work with --tune, which tries it; leave it out"),
        (
            ["--crf_iterations=3"],
            "--crf_iterations does not work with --tune, which tries it; leave it out",
        ),
        (["--size=40x40"], "--size=40x40 has 40x40 pixels, scaled by 0.75 of that; tiny needs 32"),
        (
            ["--html=x.html"],
            "--html does not work with --tune, which writes no report; leave it out",
        ),
        (["--export=x"], "--tune is for networks; leave it out with --export"),
    ],
)
def test_mistakes(flags, message, trained, capsys):
    line = refused(capsys, "test", f"--run={trained}", "--tune", "--gpu=-1", *flags)
    assert message in line
