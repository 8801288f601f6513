"""Every network and encoder: parity, parameters, sizes, gradients, precision, round trips."""

import gc
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny
from helpers.networks import COUNTS, ENCODERS, NETWORKS, PARITY, PARITY_LARGE, TWINS
from helpers.small import ROOT
from keras import ops

import tfseg
from tfseg.catalog import parameters
from tfseg.errors import UserError
from tfseg.models import MODELS
from tfseg.networks import precision
from tfseg.weights import load_state_dict

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule

LIGHT = ("linknet", "segnet_basic", "segnet_gated", "cae", "fcn8s")  # always tested
# Encoders that are always built: one of each kind.
BUILT = (*LIGHT, "enet", "unet_subpixel", "deeplabv3plus", "fpn", "segformer", "fast_scnn")


@pytest.fixture(autouse=True)
def _forget():
    """Gives the same weights on every run; frees networks, as all together exceed the memory."""
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()
    gc.collect()


def small(name, classes=3, **options):
    return tfseg.build(name, classes, **{**NETWORKS[name][0], **options})


def side_of(name):
    """An input side at which, for a batch of two, batch normalisation gets more than two pixels."""
    row = MODELS[name]
    return max(64, row.smallest, 2 * row.output_stride)


def pictures(height, width=None, count=1):
    shape = (count, height, width or height, 3)
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def light(names, everyday=LIGHT):
    """Test parameters; all but `everyday` are marked slow."""
    return [
        pytest.param(name, marks=() if name in everyday else pytest.mark.slow) for name in names
    ]


SMALLER = set(NETWORKS) - {"deconvnet"} - TWINS  # 250 million parameters; its layers are SegNet's


EVERYDAY_PARITY = [
    name for name in PARITY if name.startswith((*BUILT, "encoder_res", "encoder_eff"))
]


def test_the_table_is_complete():
    assert set(NETWORKS) == set(MODELS) - {tiny.NAME}


# Cases whose values, and so rounding errors, grow from block to block: the references differ as
# much from their own float64 results, where they and ours agree (the Lites to 1e-12).
ROUNDED = dict.fromkeys(
    ("pidnet_l", "encoder_efficientnet_lite0", "encoder_efficientnet_lite4"), 2e-4
)


@pytest.mark.parametrize("name", light([*PARITY, *PARITY_LARGE], EVERYDAY_PARITY))
def test_parity(name):
    case, outputs = rule.load(name)
    model = {**PARITY, **PARITY_LARGE}[name]()
    assert not load_state_dict(model, rule.state_dict(case))
    assert parameters(model) == case["parameters"]
    found = model(rule.image(case))
    found = found if isinstance(found, dict) else {"logits": found}
    for key, wanted in outputs.items():
        stride = case["outputs"][key]["stride"]
        ours = ops.convert_to_numpy(found[key])[:, ::stride, ::stride]
        assert np.abs(ours - wanted).max() <= ROUNDED.get(name, 1e-5) * np.abs(wanted).max(), key


@pytest.mark.parametrize(
    "name", light([name for name, (_, counts) in NETWORKS.items() if counts], BUILT)
)
def test_parameters(name):
    for classes, count in zip((11, 19, 21), NETWORKS[name][1], strict=True):
        if count:
            assert parameters(small(name, classes)) == count


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "classes", "count"), COUNTS)
def test_parameters_of_larger_forms(name, options, classes, count):
    assert parameters(tfseg.build(name, classes, **options)) == count


@pytest.mark.parametrize(("name", "count"), ENCODERS.items())
def test_encoders(name, count):
    model = tfseg.build_encoder(name)
    assert parameters(model) == count
    strides, usual = {int(key.removeprefix("stride")) for key in model.output}, {2, 4, 8, 16, 32}
    others = {"vgg": usual | {1}, "mit": usual - {2}, "vit": {16}}
    assert strides == others.get(tfseg.encoders.ENCODERS[name].family, usual)


@pytest.mark.parametrize("name", light(NETWORKS, BUILT))
def test_any_size(name):
    """Also odd sizes; the result is the same whether or not the size is known in advance."""
    smallest, model = MODELS[name].smallest, small(name)
    for height, width in ((smallest, smallest + 1), (smallest + 15, smallest + 58)):
        logits = model(pictures(height, width))
        assert logits.shape == (1, height, width, 3)
        assert np.isfinite(logits).all()
    static = small(name, input_shape=(height, width, 3))
    assert static.output_shape == (None, height, width, 3)
    static.set_weights(model.get_weights())
    again = static(pictures(height, width))
    np.testing.assert_allclose(again, logits, atol=1e-4 * np.abs(logits).max())


@pytest.mark.parametrize("name", ["segnet_plain", "deconvnet", "linknet"])
def test_too_small_is_said(name):
    side = MODELS[name].smallest - 1
    with pytest.raises(UserError, match=f"{name} needs {side + 1} pixels"):
        small(name, input_shape=(side, 300, 3))
    with pytest.raises(UserError, match=f"at least {side + 1}"):
        small(name)(pictures(side, 300))


@pytest.mark.parametrize("name", ["linknet", "unet", "segnet", "enet"])
def test_odd_sizes_are_not_shifted(name):
    """A larger input with the same first rows and columns gives the same logits far inside."""
    model = small(name)
    whole = np.asarray(model(pictures(420)))[:, :40, :40]
    odd = np.asarray(model(pictures(420)[:, :389, :391]))[:, :40, :40]
    np.testing.assert_allclose(odd, whole, atol=2e-3 * np.abs(whole).max())


def gradients(model, images, labels):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=labels, y_pred=model(images, training=True))
    return tape.gradient(loss, [v.value for v in model.trainable_variables])


@pytest.mark.parametrize("name", light(sorted(SMALLER)))
def test_every_weight_learns_and_the_loss_falls(name):
    keras.utils.set_random_seed(0)
    model = small(name)
    images = pictures(side_of(name), count=2)
    labels = (images[..., 0] > 128).astype("int32") + (images[..., 1] > 128)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Only a dozen steps: tracing a graph would take longer.
    model.compile(keras.optimizers.Adam(3e-4), loss, run_eagerly=True)
    first = model.train_on_batch(images, labels)
    model.train_on_batch(images, labels)
    # Shifts that batch normalisation cancels: biases, and those of an image's mean.
    taken_away = {"semantic.stage4_CEBlock.gap.1/beta"} | {
        layer.bias.path
        for layer in model.layers
        if getattr(layer, "bias", None) is not None
        and any(
            isinstance(node.operation, keras.layers.BatchNormalization)
            for node in layer._outbound_nodes
        )
    }
    for variable, gradient in zip(
        model.trainable_variables, gradients(model, images, labels), strict=True
    ):
        assert np.isfinite(gradient).all(), variable.path
        assert variable.path in taken_away or np.abs(gradient).max() > 0, variable.path
    losses = [float(model.train_on_batch(images, labels)) for _ in range(10)]
    assert min(losses[-3:]) < float(first)


@pytest.mark.parametrize("name", light(sorted(SMALLER)))
def test_round_trips_are_exact(name, tmp_path):
    model, images = small(name), pictures(side_of(name))
    logits = model(images)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(images), logits)
    model.save_weights(tmp_path / "m.weights.h5")
    other = small(name)
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other(images), logits)
    model.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved"))  # its function does not keep it alive
    answer = served.serve(tf.cast(images, "float32"))
    difference = np.abs(answer - logits) / np.abs(logits).max()
    # Rounding decides which pixel SegNet's pooling takes: seen 1.3 %, 0.04 % in the mean.
    assert np.mean(difference) <= 2e-3 if name == "segnet" else np.max(difference) <= 5e-5


@pytest.mark.parametrize("name", light(sorted(SMALLER)))
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_float32_logits(name, policy):
    with precision(policy):
        model = small(name)
    logits = model(pictures(side_of(name)))
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()
    convolution = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    assert convolution.compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("fcn", {"aux"}),
        ("pspnet", {"aux"}),
        ("deeplabv3plus", {"aux"}),
        ("fast_scnn", {"aux", "aux2"}),
        ("bisenetv2", {"aux", "aux2", "aux3", "aux4"}),
        ("hrnet_w18", {"aux"}),
    ],
)
def test_auxiliary_heads_have_logits_too(name, heads):
    outputs = small(name, aux=True)(pictures(65, 70))
    shapes = {key: tuple(value.shape) for key, value in outputs.items()}
    assert shapes == dict.fromkeys({"logits"} | heads, (1, 65, 70, 3))


def test_dilation_takes_the_place_of_stride():
    """torchvision's rule: same weights, finer maps, a stage's first block keeps its dilation."""
    model = tfseg.build_encoder("resnet50", output_stride=8)
    assert parameters(model) == ENCODERS["resnet50"]
    features = model(pictures(64))
    assert features["stride32"].shape == (*features["stride8"].shape[:3], 2048)
    rates = {
        name: model.get_layer(f"{name}.conv2").dilation_rate[0]
        for name in ("layer2.0", "layer3.0", "layer3.1", "layer4.0", "layer4.2")
    }
    assert list(rates.values()) == [1, 1, 2, 2, 4]
    basic = tfseg.build_encoder("resnet18", output_stride=8)  # timm's rule for basic blocks
    assert basic.get_layer("layer4.0.conv1").dilation_rate == (2, 2)
    assert basic.get_layer("layer4.0.conv2").dilation_rate == (4, 4)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", ["linknet", "fcn8s", "fcn"])
def test_dilated_networks(name, stride):
    model = small(name, output_stride=stride)
    assert parameters(model) == parameters(small(name))
    assert model(pictures(70, 65)).shape == (1, 70, 65, 3)


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tfseg.build("linket", 3), "unknown network 'linket'; did you mean linknet"),
        (lambda: tfseg.build("linknet", 3, encodr="x"), "did you mean encoder"),
        (lambda: tfseg.build("linknet", 3, aux=True), "unknown option of linknet 'aux'"),
        (lambda: tfseg.build("linknet", 3, encoder="resnet19"), "did you mean resnet18"),
        (lambda: tfseg.build("duc", 3, encoder="vgg16"), "duc dilates its encoder, and vgg16"),
        (lambda: tfseg.build("linknet", 3, encoder="mit_b0"), "at stride 2, and mit_b0 has none"),
        (lambda: tfseg.build("enet", 3, encoder="resnet18"), "enet has a fixed encoder"),
        (lambda: tfseg.build("enet", 3, encoder_weights="imagenet"), "enet has no encoder"),
        (lambda: tfseg.build("unet", 3, encoder_weights="imagenet"), "unet needs an encoder"),
        (lambda: tfseg.build("linknet", 3, output_stride=4), "choose one of 8, 16, 32"),
        (lambda: tfseg.build("deeplabv3", 3, output_stride=32), "choose one of 8, 16"),
        (lambda: tfseg.build("pan", 3, output_stride=8), "choose one of 16, 32"),
        (lambda: tfseg.build("pan", 3, encoder="vgg16"), "pan dilates its encoder, and vgg16"),
        (lambda: tfseg.build("deeplabv3_smp", 3, output_stride=32), "choose one of 8, 16"),
        (lambda: tfseg.build("fcn8s", 3, output_stride=8), "families with 8 and 16: conv"),
        (lambda: tfseg.build("gcn", 3, k=8), "must be odd"),
        (lambda: tfseg.build("linknet", 3, normalization="image"), "did you mean imagenet"),
        (lambda: tfseg.build("linknet", 3, input_shape=(16, 64, 3)), "needs 32 pixels a side"),
        (lambda: tfseg.build("linknet", 0), "at least one class"),
        (lambda: tfseg.build_encoder("resnet19"), "did you mean resnet18"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(call, message):
    with pytest.raises(UserError, match=message):
        call()
