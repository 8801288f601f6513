"""`push`, and runs on the hub: the real client with a local hub."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from helpers.hub import TOKEN, Hub
from helpers.refusals import refused
from helpers.tiny import SETTINGS, config
from huggingface_hub.errors import LocalTokenNotFoundError
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.errors import UserError
from tfseg.hub_runs import fetch_run
from tfseg.runs import RunFolder
from tfseg.training.fit import train

NAME = "hf://me/streets-tiny"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub()
    hub.serve(monkeypatch, tmp_path / "cache")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield hub
    hub.shutdown()
    hub.server_close()


@pytest.fixture(scope="module")
def small(records, tmp_path_factory):
    """A run of a tiny network."""
    return train(config(records, tmp_path_factory.mktemp("runs") / "small", epochs=1))


def push(run, *flags):
    main(["push", f"--run={run}", "--repo=me/streets-tiny", *flags])


def test_a_run_is_pushed_and_loaded(hub, small, tmp_path, monkeypatch, capsys):
    push(small)
    assert f'tfseg.load("{NAME}")' in capsys.readouterr().out
    files = hub.repositories["me/streets-tiny"]
    assert set(files) == {
        "README.md", "config.json", "labels.json", "results.json", "sample.png",
        "checkpoints/best.weights.h5",
    }  # fmt: skip
    assert files["checkpoints/best.weights.h5"] == RunFolder(small).best.read_bytes()
    settings = json.loads(files["config.json"])
    assert (settings["model"], settings["input"], settings["savedir"]) == ("tiny", "records", None)
    told = b"".join(content for name, content in files.items() if not name.endswith(".h5"))
    assert str(small.parent).encode() not in told  # local paths are private

    image = np.random.default_rng(0).integers(0, 256, (61, 83, 3), "uint8")
    mask = tfseg.load(small).predict(image)
    np.testing.assert_array_equal(tfseg.load(NAME).predict(image), mask)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(image).save("photo.png")
    main(["predict", f"--model={NAME}@main", "--input=photo.png", "--gpu=-1"])
    np.testing.assert_array_equal(np.asarray(Image.open("predictions/photo.png")), mask)

    hub.down = True  # the cache needs no hub
    assert (fetch_run(NAME) / "labels.json").read_bytes() == files["labels.json"]
    capsys.readouterr()
    again = ("push", f"--run={small}", "--repo=me/streets-tiny")
    assert "check the network" in refused(capsys, *again)
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", without_token)
    assert "use a token that may write" in refused(capsys, *again)


def without_token(*_, **__):
    raise LocalTokenNotFoundError("a token is required")


def test_commands_take_a_run_on_the_hub(hub, small, records, tmp_path, monkeypatch):
    push(small)
    monkeypatch.chdir(tmp_path)
    main(["test", f"--model={NAME}", f"--input={records}", "--gpu=-1"])
    (scored,) = tmp_path.glob("runs/*/test-val.json")
    found, wanted = (json.loads(path.read_text()) for path in (scored, small / "results.json"))
    assert found["miou"] == pytest.approx(wanted["miou"], abs=1e-6)
    main(["export", f"--model={NAME}", "--output=exports/streets/1"])
    image = np.random.default_rng(0).integers(0, 256, (61, 83, 3), "uint8")
    mask = tfseg.load(NAME).predict(image)
    exported = tf.saved_model.load("exports/streets/1").signatures["serving_default"](
        images=tf.constant(image[None])
    )
    np.testing.assert_array_equal(exported["mask"][0], mask)
    monkeypatch.setenv("TFSEG_CACHE", str(tmp_path / "mirrors"))
    settings = {**SETTINGS, "epochs": 1, "learning_rate_init": 1e-12}
    tuned = tfseg.train(input=records, savedir=tmp_path / "tuned", checkpoint=NAME, **settings)
    # Only batch normalisation's running statistics have moved.
    assert np.mean(tfseg.load(tuned).predict(image) == mask) > 0.9


def test_the_card_tells_what_the_run_is(hub, small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    (run / "test-val").mkdir()
    (run / "test-val" / "frame-00000.png").write_bytes(b"as test wrote it")
    push(run, "--license=apache-2.0")
    files = hub.repositories["me/streets-tiny"]
    card, results = files["README.md"].decode(), json.loads((run / "results.json").read_text())
    head = card.split("---")[1]
    for line in ("license: apache-2.0", "pipeline_tag: image-segmentation", "type: mean_iou"):
        assert line in head
    assert f"value: {round(results['miou'], 4)}" in head
    assert f"| mIoU | {100 * results['miou']:.1f} |" in card
    for name, iou in results["iou"].items():
        row = next(line for line in card.splitlines() if f"| {name} | #" in line)
        assert row.split(" | ")[3] == ("–" if iou is None else f"{100 * iou:.1f}")
    assert f'tfseg.load("{NAME}")' in card
    assert "| `--loss` | `lovasz` |" in card
    assert "The weights: `apache-2.0`." in card
    assert "](sample.png)" in card
    assert files["sample.png"] == b"as test wrote it"
    push(run)  # a second push is a second commit
    assert "license:" not in hub.repositories["me/streets-tiny"]["README.md"].decode()


def test_what_is_no_run_on_the_hub_is_one_line(hub, small, tmp_path, monkeypatch, capsys):
    with pytest.raises(UserError, match=r"hf://me/none: config\.json cannot be fetched \("):
        tfseg.load("hf://me/none")
    with pytest.raises(UserError, match=r"give hf://user/name or"):
        tfseg.load("hf://me")
    hub.repositories["me/other"] = {"config.json": b"{}", "model.bin": b""}
    with pytest.raises(UserError, match=r"labels\.json cannot be fetched .*did `push`"):
        tfseg.load("hf://me/other")
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48)).save("photo.png")
    argv = (
        "predict",
        "--model=hf://me/other",
        "--encoder=resnet18",
        "--input=photo.png",
        "--gpu=-1",
    )
    assert "is trained, and has its own" in refused(capsys, *argv)
    assert "push needs --repo" in refused(capsys, "push", f"--run={small}")
    assert "wanted user/name" in refused(capsys, "push", f"--run={small}", "--repo=streets")
    assert "push needs --run" in refused(capsys, "push", "--repo=me/streets")
    unfinished = tmp_path / "unfinished"
    shutil.copytree(small, unfinished, ignore=shutil.ignore_patterns("best*"))
    argv = ("push", f"--run={unfinished}", "--repo=me/streets")
    assert "has no best checkpoint yet" in refused(capsys, *argv)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    argv = ("push", f"--run={small}", "--repo=me/streets")
    assert "use a token that may write: hf auth login" in refused(capsys, *argv)
    assert "me/streets" not in hub.repositories
