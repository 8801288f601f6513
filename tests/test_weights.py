"""Checkpoint files of other projects: reading, loading into networks, and refusals."""

import collections
import io
import os
import pickle
import re
import sys
import types
import zipfile

import keras
import numpy as np
import pytest
import safetensors.numpy
from helpers.small import ROOT

import tfseg
from tfseg.checkpoints import read_state_dict
from tfseg.errors import UserError
from tfseg.weights import count_classes, load_state_dict

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule


def state_of(name):
    return rule.state_dict(rule.load(name)[0])


class Tensor:
    """PyTorch's pickle of a tensor: a call, and a reference to numbers stored elsewhere."""

    def __init__(self, array, strides=None, offset=0, shape=None):
        self.array, self.offset = array, offset
        self.shape = array.shape if shape is None else shape
        self.strides = strides or tuple(s // array.itemsize for s in array.strides)

    def __reduce__(self):
        torch = sys.modules["torch"]
        storage = Storage(self.array)
        arguments = (
            storage,
            self.offset,
            self.shape,
            self.strides,
            False,
            collections.OrderedDict(),
        )
        return torch._utils._rebuild_tensor_v2, arguments


class Storage:
    def __init__(self, array):
        self.array = array


@pytest.fixture
def write_pth(tmp_path, monkeypatch):
    """Writes objects as `torch.save` does, without PyTorch."""

    def rebuild(*arguments):
        raise AssertionError("only named, never called")

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2, torch._utils = rebuild, utils
    names = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}
    for name in names.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def write(saved, name="weights.pth"):
        path = tmp_path / name
        with monkeypatch.context() as patch, zipfile.ZipFile(path, "w") as archive:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)

            class Pickler(pickle.Pickler):
                def persistent_id(self, value):
                    if not isinstance(value, Storage):
                        return None
                    key = str(len(archive.namelist()))
                    archive.writestr(f"archive/data/{key}", value.array.tobytes())
                    kind = getattr(torch, names[value.array.dtype.name])
                    return "storage", kind, key, "cpu", value.array.size

            stream = io.BytesIO()
            Pickler(stream, protocol=2).dump(saved)
            archive.writestr("archive/data.pkl", stream.getvalue())
        return path

    return write


@pytest.fixture(scope="module")
def encoder_state():
    """ResNet-18 as an ImageNet classifier, with its last layer."""
    state = state_of("encoder_resnet18")
    return {**state, "fc.weight": np.zeros((1000, 512), "float32"), "fc.bias": np.zeros(1000, "f4")}


def weights_of(model):
    return [np.asarray(weight) for weight in model.weights]


def assert_equal(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_both_spellings_of_the_reference_load():
    """The authors' ImageNet class numbers its blocks; their base class names them."""
    state, spelt = state_of("linknet"), {}
    for key, value in state.items():
        key = key.replace("block1.", "0.").replace("block2.", "1.")
        key = key.replace("conv1.", "in_block.0.") if key.startswith("conv1.") else key
        key = key.replace("bn1.", "in_block.1.") if key.startswith("bn1.") else key
        spelt[f"module.{key}"] = value
    one, two = tfseg.build("linknet", 11), tfseg.build("linknet", 11)
    load_state_dict(one, state)
    load_state_dict(two, spelt)
    assert_equal(weights_of(one), weights_of(two))


def test_densenets_old_spelling_loads():
    state = state_of("encoder_densenet121")
    old = {
        key.replace("norm1", "norm.1").replace("conv2", "conv.2"): array
        for key, array in state.items()
    }
    one, two = tfseg.build_encoder("densenet121"), tfseg.build_encoder("densenet121")
    load_state_dict(one, {**state, "classifier.weight": np.zeros((1000, 1024), "f4")})
    load_state_dict(two, old)
    assert_equal(weights_of(one), weights_of(two))


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    state = state_of("linknet")
    model = tfseg.build("linknet", 12)
    before = weights_of(model)
    with pytest.raises(UserError, match=r"tp_conv2.bias is \(11,\), wanted \(12,\)"):
        load_state_dict(model, state)
    del state["conv1.weight"]
    with pytest.raises(UserError, match=r"missing conv1\.weight"):
        load_state_dict(tfseg.build("linknet", 11), state)
    with pytest.raises(UserError, match=r"unexpected spare\.weight"):
        load_state_dict(
            tfseg.build("linknet", 11), {**state_of("linknet"), "spare.weight": before[0]}
        )
    assert_equal(before, weights_of(model))


def test_what_is_left_out_is_told():
    state = state_of("linknet")
    model = tfseg.build("linknet", 12)
    left = load_state_dict(model, state, skip_head=True)
    assert [line.split(" is ")[0] for line in left] == ["tp_conv2.bias", "tp_conv2.weight"]
    np.testing.assert_array_equal(
        model.get_layer("conv1").kernel, state["conv1.weight"].transpose(2, 3, 1, 0)
    )
    del state["bn1.bias"]
    assert load_state_dict(tfseg.build("linknet", 11), state, strict=False) == ["missing bn1.bias"]


def test_an_auxiliary_head_is_left_out_where_there_is_none():
    model = tfseg.build("fcn", 21)
    assert not load_state_dict(model, state_of("fcn_resnet50"))


def test_ddrnet_loads_with_its_authors_keys():
    """It also loads the biases of their stem, which mmsegmentation lacks."""
    model, state = tfseg.build("ddrnet23_slim", 11, aux=True), state_of("ddrnet23_slim")
    load_state_dict(model, state)
    mean = np.array(model.get_layer("stem.0.bn").moving_mean)
    spelt = {}
    for key, array in state.items():
        key = re.sub(r"^backbone\.stem\.0\.conv", "conv1.0", key)
        key = re.sub(r"^backbone\.stem\.0\.bn", "conv1.1", key)
        key = re.sub(r"^backbone\.spatial_branch_layers\.0", "layer3_", key)
        key = re.sub(r"^backbone\.spp\.scales\.2\.1\.bn", "spp.scale2.1", key)
        key = re.sub(r"^backbone\.spp\.processes\.0\.conv", "spp.process1.2", key)
        key = re.sub(r"^decode_head\.aux_cls_seg", "seghead_extra.conv2", key)
        spelt[re.sub(r"^(layer3_.*\.)conv(\d)\.bn", r"\1bn\2", key)] = array
    spelt["conv1.0.bias"] = np.ones_like(mean)
    assert len(spelt.keys() & state.keys()) < len(state) - 20
    assert not load_state_dict(model, spelt)
    np.testing.assert_allclose(model.get_layer("stem.0.bn").moving_mean, mean - 1)


@pytest.mark.parametrize("name", ["linknet", "fcn_resnet50", "unet"])
def test_classes_are_counted(name):
    model = tfseg.build({"fcn_resnet50": "fcn"}.get(name, name), 1)
    assert count_classes(model, state_of(name)) == (21 if name == "fcn_resnet50" else 11)


def test_pth_equals_safetensors(write_pth, tmp_path):
    arrays = {
        "a": np.arange(24, dtype="float32").reshape(2, 3, 4),
        "half": np.ones((3,), "float16"),
        "count": np.array(7, "int64"),
    }
    tensors = {key: Tensor(array) for key, array in arrays.items()}
    channels_last = arrays["a"].transpose(2, 0, 1).copy()
    tensors["a"] = Tensor(channels_last, (3, 1, 6), shape=(2, 3, 4))
    state = collections.OrderedDict(tensors)
    found = read_state_dict(write_pth({"epoch": 3, "state_dict": state, "name": "x", "lr": [0.1]}))
    assert found.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(found[key], array)
        assert found[key].dtype == array.dtype
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors")
    same = read_state_dict(tmp_path / "w.safetensors")
    assert_equal((same[key] for key in found), found.values())


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("where", ["first", "inside"])
def test_a_strangers_file_executes_nothing(write_pth, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    saved = (
        Harmful()
        if where == "first"
        else {"state_dict": {"a": Tensor(np.zeros(1, "f4"))}, "x": Harmful()}
    )
    with pytest.raises(UserError, match=r"holds \w+\.system, which is a call, not a tensor"):
        read_state_dict(write_pth(saved))
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(np.zeros(4, "f4"), (1,), shape=(5,)),
        Tensor(np.zeros(4, "f4"), (1,), offset=3, shape=(2,)),
        Tensor(np.zeros(4, "f4"), (-1,), offset=3, shape=(4,)),
        Tensor(np.zeros(4, "f4"), (2**40,), shape=(2,)),
    ],
)
def test_a_tensor_beyond_its_numbers_is_refused(write_pth, tensor):
    with pytest.raises(UserError, match="damaged"):
        read_state_dict(write_pth({"a": tensor}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "damaged or not a PyTorch"),
        ("empty.pt", b"", "damaged"),
        ("cut.safetensors", b"\x10\0\0\0\0\0\0\0{", "damaged or not a safetensors"),
        ("weights.bin", b"\0" * 99, "damaged or not a PyTorch file; give a run, or a .weights.h5"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_state_dict(tmp_path / name)
    with pytest.raises(UserError, match="does not exist"):
        read_state_dict(tmp_path / "missing.pth")


def test_a_file_without_tensors_says_so(write_pth):
    with pytest.raises(UserError, match="holds no state dict"):
        read_state_dict(write_pth({"epoch": 3}))


def test_encoder_weights_from_a_file(tmp_path, encoder_state):
    path = tmp_path / "resnet18.safetensors"
    safetensors.numpy.save_file(encoder_state, path)
    for model in (
        tfseg.build("linknet", 3, encoder_weights=path),
        tfseg.build("unet", 3, encoder="resnet18", encoder_weights=path),
        tfseg.build_encoder("resnet18", encoder_weights=path),
    ):
        for layer in ("conv1", "layer1.0.conv1", "layer4.1.conv2"):
            np.testing.assert_array_equal(
                model.get_layer(layer).kernel,
                encoder_state[f"{layer}.weight"].transpose(2, 3, 1, 0),
            )
    with pytest.raises(UserError, match=r"does not fit resnet34 .*missing layer1\.2\."):
        tfseg.build("linknet", 3, encoder="resnet34", encoder_weights=path)
    with pytest.raises(UserError, match="does not exist"):
        tfseg.build("linknet", 3, encoder_weights=tmp_path / "none.pth")


@pytest.mark.slow
def test_the_classifier_of_a_vgg_becomes_fcns_large_layers(tmp_path):
    state = state_of("encoder_vgg16")
    large = np.random.default_rng(0).normal(size=(4096, 25088)).astype("float32")
    extra = {"classifier.0.weight": large, "classifier.0.bias": np.ones(4096, "f4")}
    safetensors.numpy.save_file({**state, **extra}, tmp_path / "vgg.safetensors")
    model = tfseg.build("fcn8s", 3, encoder_weights=tmp_path / "vgg.safetensors")
    kernel = np.asarray(model.get_layer("score_fr.0").kernel)
    np.testing.assert_array_equal(kernel, large.reshape(4096, 512, 7, 7).transpose(2, 3, 1, 0))
    keras.backend.clear_session()
