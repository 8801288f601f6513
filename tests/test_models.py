"""Networks and encoders: parity with the references, sizes, gradients, precision, round trips."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from keras import ops

import tfseg
from tfseg.errors import UserError
from tfseg.weights import load_state_dict

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule

PARITY = {
    "linknet": lambda: tfseg.build("linknet", 11),
    "encoder_resnet18": lambda: tfseg.build_encoder("resnet18"),
}


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize("name", PARITY)
def test_parity(name):
    case, outputs = rule.load(name)
    model = PARITY[name]()
    load_state_dict(model, rule.state_dict(case))
    assert trainable(model) == case["parameters"]
    found = model(rule.image(case))
    found = found if isinstance(found, dict) else {"logits": found}
    for key, wanted in outputs.items():
        stride = case["outputs"][key]["stride"]
        ours = ops.convert_to_numpy(found[key])[:, ::stride, ::stride]
        assert np.abs(ours - wanted).max() <= 1e-4 * np.abs(wanted).max(), key


@pytest.mark.parametrize(
    ("classes", "parameters"), [(11, 11_534_667), (19, 11_535_699), (21, 11_535_957)]
)
def test_linknet_parameters(classes, parameters):
    assert trainable(tfseg.build("linknet", classes)) == parameters


def test_both_spellings_of_the_reference_load():
    """The authors' ImageNet class numbers its blocks, their base class names them."""
    case, _ = rule.load("linknet")
    state = rule.state_dict(case)
    spelt = {}
    for key, value in state.items():
        key = key.replace("block1.", "0.").replace("block2.", "1.")
        key = key.replace("conv1.", "in_block.0.") if key.startswith("conv1.") else key
        key = key.replace("bn1.", "in_block.1.") if key.startswith("bn1.") else key
        spelt[f"module.{key}"] = value
    one, two = tfseg.build("linknet", 11), tfseg.build("linknet", 11)
    load_state_dict(one, state)
    load_state_dict(two, spelt)
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    case, _ = rule.load("linknet")
    state = rule.state_dict(case)
    model = tfseg.build("linknet", 12)
    before = [w.numpy() for w in model.weights]
    with pytest.raises(UserError, match=r"tp_conv2.bias is \(11,\), wanted \(12,\)"):
        load_state_dict(model, state)
    del state["conv1.weight"]
    with pytest.raises(UserError, match=r"missing conv1\.weight"):
        load_state_dict(tfseg.build("linknet", 11), state)
    for weight, kept in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.fixture(scope="module")
def linknet():
    return tfseg.build("linknet", 3)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (63, 32), (90, 121)])
def test_any_size_dynamic_and_static_agree(linknet, size):
    image = np.random.default_rng(0).integers(0, 256, (1, *size, 3), "uint8")
    logits = linknet(image)
    assert logits.shape == (1, *size, 3)
    static = tfseg.build("linknet", 3, input_shape=(*size, 3))
    static.set_weights(linknet.get_weights())
    np.testing.assert_allclose(static(image), logits, atol=1e-5)


def test_odd_sizes_are_not_shifted(linknet):
    """A larger input whose first rows and columns are the same gives the same logits far inside."""
    image = np.random.default_rng(0).integers(0, 256, (1, 420, 420, 3), "uint8")
    whole = np.asarray(linknet(image))[:, :40, :40]
    odd = np.asarray(linknet(image[:, :389, :391]))[:, :40, :40]
    np.testing.assert_allclose(odd, whole, atol=2e-3 * np.abs(whole).max())


def test_every_weight_learns_and_the_loss_falls():
    keras.utils.set_random_seed(0)
    model = tfseg.build("linknet", 3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 64, 64, 3), "uint8")
    labels = (images[..., 0] > 128).astype("int32") + (images[..., 1] > 128)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    first = model.train_on_batch(images, labels)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=labels, y_pred=model(images, training=True))
    for variable, gradient in zip(
        model.trainable_variables,
        tape.gradient(loss, [v.value for v in model.trainable_variables]),
        strict=True,
    ):
        assert np.isfinite(gradient).all(), variable.path
        before_bn = variable.path in ("tp_conv1.0/bias", "conv2.0/bias")
        assert before_bn or np.abs(gradient).max() > 0, variable.path
    for _ in range(10):
        last = model.train_on_batch(images, labels)
    assert last < first


def test_batch_norm_is_keras_arithmetic_and_tracks_the_unbiased_variance():
    from tfseg.layers.batch_norm import BatchNormalization

    x = np.random.default_rng(0).normal(2, 3, (2, 4, 5, 6)).astype("float32")
    layer = BatchNormalization()
    got = layer(x, training=True)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(got, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance * 40 / 39, rtol=1e-5)
    moved = (x - layer.moving_mean) / np.sqrt(layer.moving_variance + 1e-5)
    np.testing.assert_allclose(layer(x), moved, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_float32_logits(policy):
    from tfseg.runs import precision

    with precision(policy):
        model = tfseg.build("linknet", 3)
    logits = model(np.zeros((1, 64, 64, 3), "uint8"))
    assert logits.dtype == "float32"
    assert model.get_layer("conv1").compute_dtype == policy.removeprefix("mixed_")


def test_keras_file_round_trip_is_exact(linknet, tmp_path):
    linknet.save(tmp_path / "m.keras")
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 50, 3), "uint8")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(image), linknet(image))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tfseg.build("linket", 3), "unknown network 'linket'; did you mean linknet"),
        (lambda: tfseg.build("linknet", 3, encodr="x"), "did you mean encoder"),
        (lambda: tfseg.build("linknet", 3, encoder="resnet19"), "did you mean resnet18"),
        (lambda: tfseg.build("linknet", 3, normalization="image"), "did you mean imagenet"),
        (lambda: tfseg.build("linknet", 3, input_shape=(16, 64, 3)), "below 32 pixels"),
        (lambda: tfseg.build("linknet", 0), "at least one class"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(call, message):
    with pytest.raises(UserError, match=message):
        call()
