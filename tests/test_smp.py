"""segmentation_models.pytorch's networks: decoder options, and modules that smp never calls."""

import re
import sys

import keras
import numpy as np
import pytest
from helpers.small import ROOT

import tfseg
from tfseg.catalog import parameters
from tfseg.config import PredictConfig, TrainConfig
from tfseg.errors import UserError
from tfseg.networks import build_network, find_network
from tfseg.weights import count_classes, load_state_dict

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule

NARROW = {"encoder_depth": 3, "decoder_channels": (32, 16, 8), "decoder_attention": "scse"}


def unet(**options):
    return tfseg.build("unet", 3, encoder="resnet18", **options)


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_a_depth_takes_the_first_widths(depth):
    model = unet(encoder_depth=depth)
    assert model.get_layer(f"decoder.blocks.{depth - 1}.conv2.0").filters == 512 >> depth
    deepest = max(name for name in model.encoder_layers if name.startswith("layer"))
    assert deepest.startswith(f"layer{depth - 1}.")
    assert model(np.zeros((1, 33, 47, 3), "uint8")).shape == (1, 33, 47, 3)


def test_attention_gates_every_block():
    plain, gated = unet(), unet(decoder_attention="scse")
    more = {layer.name for layer in gated.layers} - {layer.name for layer in plain.layers}
    blocks = {re.match(r"decoder\.blocks\.(\d)\.attention([12])", name) for name in more} - {None}
    places = {(int(match[1]), int(match[2])) for match in blocks}
    assert places == {(i, j) for i in range(5) for j in (1, 2)} - {(4, 1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_depth": 2}, "encoder_depth=2: choose one of 3, 4, 5"),
        ({"decoder_channels": (64, 32)}, "decoder_channels=64,32: wanted 5 numbers above zero"),
        ({"encoder_depth": 3, "decoder_channels": (64, 32, 0)}, "wanted 3 numbers above zero"),
        ({"decoder_attention": "se"}, "decoder_attention=se: choose scse"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(UserError, match=message):
        unet(**options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fpn", {"merge_policy": "mean"}, "merge_policy=mean: choose add or cat"),
        ("fpn", {"decoder_interpolation": "area"}, "area: choose nearest or bilinear"),
        ("unetplusplus", {"decoder_channels": (64, 32)}, "wanted 5 numbers above zero"),
        ("manet", {"encoder_depth": 6}, "encoder_depth=6: choose one of 3, 4, 5"),
        ("pan", {"decoder_channels": (64, 32)}, "channels=64,32: wanted one number above zero"),
        ("upernet", {"decoder_channels": 0}, "channels=0: wanted one number above zero"),
        ("segformer_smp", {"decoder_channels": (64, 32)}, "64,32: wanted one number above zero"),
    ],
)
def test_wrong_options_of_the_others(name, options, message):
    with pytest.raises(UserError, match=message):
        tfseg.build(name, 3, encoder="resnet18", **options)


@pytest.mark.parametrize("name", NARROW)
def test_options_of_the_decoder_need_an_encoder(name):
    with pytest.raises(UserError, match=f"{name}: unet needs an encoder"):
        tfseg.build("unet", 3, **{name: NARROW[name]})
    with pytest.raises(UserError, match=f"unknown option of linknet '{name}'"):
        tfseg.build("linknet", 3, **{name: NARROW[name]})


def test_stages_that_a_network_lacks_are_left_out_and_no_more():
    """smp's PSPNet has the whole encoder, and uses it down to stride 8."""
    case, _ = rule.load("pspnet_smp_resnet18")
    state = rule.state_dict(case)
    model = tfseg.build("pspnet_smp", 11, encoder="resnet18")
    assert any(key.startswith("encoder.layer4.") for key in state)
    assert not load_state_dict(model, state)
    assert parameters(model) < sum(array.size for array in state.values()) / 4
    key = "encoder.layer2.2.conv1.weight"  # of a deeper encoder
    with pytest.raises(UserError, match=r"unexpected layer2\.2\.conv1\.weight"):
        load_state_dict(model, {**state, key: np.zeros((128, 128, 3, 3), "f4")})


def test_weights_of_other_mathematics_are_refused():
    """smp pads its EfficientNet-Lites equally on all sides; timm dilates ResNets differently."""
    names = ("efficientnet_lite0", "timm_efficientnet_lite0")
    for encoder, other in (names, names[::-1]):
        state = rule.state_dict(rule.load(f"fpn_{other}")[0])
        with pytest.raises(UserError, match="does it belong to another model or encoder"):
            load_state_dict(tfseg.build("fpn", 11, encoder=encoder), state)
    state = rule.state_dict(rule.load("pan_resnet18")[0])
    timm = {key.replace("encoder.", "encoder.model."): array for key, array in state.items()}
    with pytest.raises(UserError, match=r"timm ResNet .* dilates differently"):
        load_state_dict(tfseg.build("pan", 11, encoder="resnet18"), timm)
    state = rule.state_dict(rule.load("fpn_resnet18")[0])
    timm = {key.replace("encoder.", "encoder.model."): array for key, array in state.items()}
    assert not load_state_dict(tfseg.build("fpn", 11, encoder="resnet18"), timm)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_classification_head_is_left_out_and_said(prefix):
    """smp's `aux_params`: a classifier of the whole image beside the mask."""
    state = rule.state_dict(rule.load("fpn_resnet18")[0])
    more = {
        "classification_head.3.weight": np.ones((4, 512), "f4"),
        "classification_head.3.bias": np.ones(4, "f4"),
    }
    model, other = (tfseg.build("fpn", 11, encoder="resnet18") for _ in range(2))
    assert not load_state_dict(model, state)
    with_head = {prefix + key: array for key, array in {**state, **more}.items()}
    assert load_state_dict(other, with_head) == ["2 keys under classification_head."]
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert count_classes(tfseg.build("fpn", 1, encoder="resnet18"), with_head) == 11


def test_a_keras_encoder_is_filled_as_far_as_it_is_used(tmp_path):
    path = tmp_path / "encoder.weights.h5"
    source = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    source.save_weights(path)
    model = tfseg.build("pspnet_smp", 3, encoder="mobilenet_v3_small", encoder_weights=path)
    first = next(layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D))
    ours = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    np.testing.assert_array_equal(ours.kernel, first.kernel)


def test_flags_reach_the_other_networks():
    config = TrainConfig.of(model="fpn", encoder="resnet18", merge_policy="cat")
    assert build_network(config, 3).get_layer("segmentation_head.0").kernel.shape[2] == 512
    config = TrainConfig.of(
        model="pan", encoder="resnet18", decoder_channels="16", encoder_depth="4"
    )
    assert build_network(config, 3).get_layer("segmentation_head.0").kernel.shape[2] == 16


def test_flags_reach_the_network(tmp_path):
    flags = {"encoder_depth": "3", "decoder_channels": "32,16,8", "decoder_attention": "scse"}
    config = TrainConfig.of(model="unet", encoder="resnet18", **flags)
    config.save(tmp_path / "config.json")
    model = build_network(TrainConfig.load(tmp_path / "config.json"), 3)
    assert parameters(model) == parameters(unet(**NARROW))
    model.save_weights(tmp_path / "m.weights.h5")
    checkpoint = str(tmp_path / "m.weights.h5")
    chosen = {"model": "unet", "encoder": "resnet18", "checkpoint": checkpoint, **flags}
    used = PredictConfig.of(input=".", **chosen)
    assert len(find_network(used).labels.classes) == 3
    with pytest.raises(UserError, match="decoder_channels=32,0: wanted whole numbers above zero"):
        TrainConfig.of(decoder_channels="32,0")
