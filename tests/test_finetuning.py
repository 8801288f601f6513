"""Fine-tuning from public weights: frozen parts, learning rates, and use without a run."""

import json
import sys

import keras
import numpy as np
import pytest
import safetensors.numpy
from helpers.small import ROOT, SMALL
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.networks import load_checkpoint, load_run
from tfseg.runs import RunFolder
from tfseg.training.fit import resume, train

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """LinkNet's weights by rule, for the 11 classes of streets, in PyTorch's layout."""
    path = tmp_path_factory.mktemp("public") / "linknet.safetensors"
    state = rule.state_dict(rule.load("linknet")[0])
    safetensors.numpy.save_file(state, path)
    return path


def trained(records, folder, **changes):
    settings = {**SMALL, "epochs": 1, "optimizer": "adamw", "weight_decay": 0.1, **changes}
    return load_run(train(TrainConfig(input=records, savedir=folder, **settings))).model


def changed(one, two, which):
    """The layers chosen by `which` that differ between two networks in a trainable weight."""
    return {
        layer.name
        for layer in one.layers
        if layer.trainable_weights and which(layer)
        for a, b in zip(
            layer.trainable_weights, two.get_layer(layer.name).trainable_weights, strict=True
        )
        if not np.array_equal(a, b)
    }


def is_batch_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


@pytest.fixture(scope="module")
def start(public):

    network = tfseg.build("linknet", 11)
    load_checkpoint(network, public)
    return network


@pytest.mark.parametrize("flags", [{"freeze_encoder": True}, {"encoder_lr_factor": 0.0}])
def test_the_encoder_stays(records, public, start, tmp_path, flags):
    """Learning rate 0 keeps its weights, also from decay; freezing also keeps its statistics."""
    network = trained(records, tmp_path / "run", checkpoint=public, **flags)
    assert not changed(start, network, lambda layer: layer.name in network.encoder_layers)
    assert changed(start, network, lambda layer: layer.name not in network.encoder_layers)
    moved = not np.array_equal(
        start.get_layer("bn1").moving_mean, network.get_layer("bn1").moving_mean
    )
    assert moved == ("freeze_encoder" not in flags)


def test_stages_of_the_encoder_learn_the_slower_the_earlier(records, public, start, tmp_path):
    """With `encoder_lr_decay=0`, only the last stage and the decoder learn."""
    network = trained(records, tmp_path / "run", checkpoint=public, encoder_lr_decay=0.0)
    strides = network.encoder_layers
    learnt = changed(start, network, lambda layer: layer.name in strides)
    assert {strides[name] for name in learnt} == {32}
    assert changed(start, network, lambda layer: layer.name not in strides)


def test_the_head_learns_first(records, public, start, tmp_path):
    """The encoder is frozen for an epoch, and learns in the second."""
    flags = {"checkpoint": public, "freeze_epochs": 1, "keep": "all", "epochs": 2}
    network = trained(records, tmp_path / "run", **flags)
    first, second = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    for file, learnt in ((first, False), (second, True)):
        network.load_weights(file)
        assert (
            bool(changed(start, network, lambda one: one.name in network.encoder_layers)) == learnt
        )
        assert changed(start, network, lambda one: one.name not in network.encoder_layers)


def test_batch_norm_stays(records, public, start, tmp_path):
    network = trained(records, tmp_path / "run", checkpoint=public, freeze_batch_norm=True)
    assert not changed(start, network, is_batch_norm)
    assert changed(start, network, lambda layer: layer.name == "conv1")
    for name in ("bn1", "decoder4.conv1.1"):
        kept, now = start.get_layer(name), network.get_layer(name)
        np.testing.assert_array_equal(kept.moving_variance, now.moving_variance)


def test_a_head_for_other_classes_is_skipped_when_asked(records, public, tmp_path, capsys):
    other = tmp_path / "other.safetensors"
    state = safetensors.numpy.load_file(public)
    state["tp_conv2.weight"], state["tp_conv2.bias"] = (
        np.zeros((32, 5, 2, 2), "f4"),
        np.zeros(5, "f4"),
    )
    safetensors.numpy.save_file(state, other)
    flags = [f"--input={records}", f"--checkpoint={other}", "--gpu=-1", "--epochs=1"]
    flags += ["--batch_size=2", "--pictures=0", "--precision=float32"]
    with pytest.raises(SystemExit):
        main(["train", *flags, f"--savedir={tmp_path / 'one'}"])
    assert "tp_conv2.bias is (5,), wanted (11,)" in capsys.readouterr().err
    assert not (tmp_path / "one").exists()
    main(["train", *flags, "--skip_head", f"--savedir={tmp_path / 'two'}"])
    assert "left out of" in capsys.readouterr().out


def test_a_checkpoint_is_tested_without_a_run(records, public, tmp_path, capsys):
    where = [f"--input={records}", "--gpu=-1", f"--output={tmp_path / 'figures'}"]
    main(["test", "--model=linknet", f"--checkpoint={public}", *where])
    results = json.loads((tmp_path / "figures" / "test-val.json").read_text())
    assert 0 <= results["miou"] <= 1
    assert "mIoU" in capsys.readouterr().out


def test_a_checkpoint_predicts_without_a_run(public, tmp_path, start):
    pixels = np.random.default_rng(0).integers(0, 256, (45, 70, 3), "uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    where = [f"--input={tmp_path / 'photo.png'}", f"--output={tmp_path / 'out'}", "--gpu=-1"]
    flags = ["--model=linknet", f"--checkpoint={public}"]
    for extra in ([], ["--dataset=streets"]):
        main(["predict", *flags, *where, *extra])
        mask = np.asarray(Image.open(tmp_path / "out" / "photo.png"))
        np.testing.assert_array_equal(mask, np.asarray(start(pixels[None])).argmax(-1)[0])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["test", "--model=linknet", "--input=records"], "needs --checkpoint"),
        (["test", "--model=linknet", "--checkpoint=x.pth"], "needs --input"),
        (["predict", "--model=linknet", "--run=runs/x", "--input=tests"], "give one of them"),
        (["train", "--aux"], "unknown option of linknet 'aux'"),
        (["train", "--model=deconvnet"], "--model=deconvnet needs 224 pixels a side"),
        (["train", "--model=unet", "--encoder_weights=imagenet"], "unet needs an encoder"),
        (["train", "--encoder_weights=none.pth"], "none.pth does not exist"),
        (["models", "--plot=x.png"], "--plot needs --name"),
        (["models", "--name=linket"], "did you mean linknet"),
    ],
)
def test_mistakes(argv, message, capsys, monkeypatch, tmp_path):
    if argv[0] == "predict":
        picture = tmp_path / "photo.png"
        Image.new("RGB", (40, 40)).save(picture)
        argv = [*argv[:-1], f"--input={picture}"]
    with pytest.raises(SystemExit) as stop:
        main([*argv, *(["--gpu=-1"] if argv[0] != "models" else [])])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_an_auxiliary_head_trains_and_resumes(records, tmp_path):
    """The best checkpoint is the network without the head; the run continues with it."""
    settings = {**SMALL, "model": "fcn", "aux": True, "epochs": 1, "checkpoint": None}
    folder = train(TrainConfig(input=records, savedir=tmp_path / "run", **settings))
    network = load_run(folder).model
    assert not any(layer.name.startswith("aux") for layer in network.layers)
    resume(TrainConfig.of(resume=folder, epochs=2))
    assert RunFolder(folder).last()["step"] == 6


def test_models_shows_one_network(capsys, tmp_path):
    main(["models", "--name=linknet", "--size=352x480", f"--plot={tmp_path / 'linknet.png'}"])
    shown = capsys.readouterr().out
    assert "total" in shown
    assert "11,535,699   14.02" in shown  # both published for 19 classes
    assert Image.open(tmp_path / "linknet.png").width > 400


@pytest.mark.slow
def test_models_lists_all_networks(capsys):
    from tfseg.models import MODELS

    main(["models", "--size=352x480"])
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert set(MODELS) < set(rows)
    gflops = {"segnet": "209.8", "fcn8s": "276.4", "fcn": "178.4", "deeplabv3": "210.9"}
    assert {name: rows[name][2] for name in gflops} == gflops
