"""Checkpoint files: recognised by content, loaded or refused in one line, never executed."""

import shutil
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.numpy
from faults import checkpoints
from helpers.torch_pickles import old_file, refusal
from torch_files import make

from tfseg.checkpoints import save_weights
from tfseg.networks import load_checkpoint


@pytest.fixture
def network():
    return checkpoints.tiny_network()


def blank():
    made = checkpoints.tiny_network()
    for weight in made.weights:
        weight.assign(np.zeros(weight.shape))
    return made


def assert_same(one, two):
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "name", ["old.pth", "old_protocol4.pth", "new.pth", "averaged.bin", "lightning.ckpt",
             "old_lightning.pth.tar"],
)  # fmt: skip
def test_files_of_pytorch_load_whatever_they_are_called(tmp_path, network, name, capsys):
    for called in (name, "weights", "x.h5"):
        shutil.copy(make.HERE / name, tmp_path / called)
        started = blank()
        left = load_checkpoint(started, tmp_path / called)
        assert_same(started, network)
    said = capsys.readouterr().out
    if "lightning" in name:
        assert left == ["criterion.weight", "val_metric.total"]
        assert "the prefix model.net. is removed" in said
    if name == "averaged.bin":
        assert "using its ema, not net" in said


def test_a_whole_network_and_a_script_are_named():
    assert "holds a torch.nn.modules.conv.Conv2d, which is not a tensor" in refusal(
        make.HERE / "whole_network.pt"
    )
    assert "TorchScript" in refusal(make.HERE / "scripted.pt")


def test_a_keras_archive_is_never_asked_what_it_is(tmp_path, network):
    """Its config may name any module and hold code, so only its weights are read."""
    network.save(tmp_path / "a.keras")
    with (
        zipfile.ZipFile(tmp_path / "a.keras") as old,
        zipfile.ZipFile(tmp_path / "b.keras", "w") as new,
    ):
        new.writestr("config.json", '{"module": "os", "class_name": "system", "config": {}}')
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    started = blank()
    load_checkpoint(started, tmp_path / "b.keras")
    assert_same(started, network)


def test_our_own_carry_a_checksum(tmp_path, network):
    path = tmp_path / "a.weights.h5"
    save_weights(network, path)
    started = blank()
    load_checkpoint(started, path)
    assert_same(started, network)
    started.load_weights(path)  # Keras can still read it
    with h5py.File(path) as file:
        place = file["layers/conv2d/vars/0"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[place + 1] ^= 4
    path.write_bytes(data)
    assert "its checksum does not match its contents" in refusal(path)
    network.save_weights(path)  # an older file without checksum
    load_checkpoint(started, path)
    assert_same(started, network)


def test_a_lost_mark_of_the_checksum_is_seen(tmp_path, network):
    for group in ("/", "layers"):
        save_weights(network, tmp_path / "a.weights.h5")
        with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
            del file[group].attrs["sha256"]
        assert "checksum" in refusal(tmp_path / "a.weights.h5")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(tmp_path, network, wrong):
    state = {**make.state()}
    state["conv1.weight"] = state["conv1.weight"].copy()
    state["conv1.weight"][1, 1, 1, 1] = wrong
    safetensors.numpy.save_file(state, tmp_path / "a.safetensors")
    assert "conv1.weight holds NaN or inf" in refusal(tmp_path / "a.safetensors")
    data = old_file(tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data[:-4] + np.float32(wrong).tobytes())
    assert ": a holds NaN or inf" in refusal(tmp_path / "a.pth")
    network.get_layer("head").bias.assign([1, wrong])
    save_weights(network, tmp_path / "a.weights.h5")
    network.save(tmp_path / "a.keras")
    for name in ("a.weights.h5", "a.keras"):
        assert "vars/1 (head) holds NaN or inf" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["saved_model.pb"], "is a SavedModel"),
        (["checkpoint", "x.index", "x.data-00000-of-00001"], "TensorFlow's checkpoints"),
        (["config.json", "model.safetensors"], "give the file in it: model.safetensors"),
        (["data.pkl", "version"], "unpacked zip"),
        (["photo.jpg"], "is a folder, but not a run"),
    ],
)
def test_folders_are_named(tmp_path, names, message):
    for name in names:
        (tmp_path / name).write_text("{}")
    assert message in refusal(tmp_path)


def test_a_tar_of_the_first_pytorch_is_named(tmp_path):
    with tarfile.open(tmp_path / "a.pth", "w") as tar:
        tar.add(make.HERE / "old.pth", "storages")
    assert "is a tar, as PyTorch wrote before 0.1.10" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08" + bytes(99), "packed by gzip"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (bytes(40) + bytes.fromhex("57fb808b247547db"), "TensorFlow's"),
        (b"\x1c\0\0\0TFL3" + bytes(99), "LiteRT"),
        (b"\x80\x02}q\0.", "not a pickle of PyTorch"),
        (b"PK\x03\x04", "is damaged"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    (tmp_path / "a.ckpt").write_bytes(content)
    assert message in refusal(tmp_path / "a.ckpt")


@pytest.mark.slow
def test_mutated_files_load_the_same_or_are_refused():
    report = checkpoints.run(count=100, seed=0)
    assert not report.failures, report
