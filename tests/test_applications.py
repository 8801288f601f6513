"""Encoders of keras.applications: the same outputs as Keras, weight files, exports."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.catalog import flops, parameters
from tfseg.encoders import ENCODERS
from tfseg.encoders.rows_keras import KERAS
from tfseg.errors import UserError
from tfseg.exporting.folding import fold
from tfseg.models import starting_weights

APPLICATIONS = [
    "mobilenet_v3_small",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("mobilenet_v2", "efficientnet_b0", "efficientnet_v2_b0", "efficientnet_v2_s")
    ),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("convnext_tiny", "resnet50_v2")),
]


@pytest.fixture(autouse=True)
def _forget():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()


def application(name, shape=None):
    """(Keras' network, its preprocessing of RGB pixels in 0..255)."""
    there = KERAS[name].weights.name
    model = getattr(keras.applications, there)(
        include_top=False, weights=None, input_shape=(*(shape or (None, None)), 3)
    )
    shake(model)
    if name.startswith("efficientnet_b"):  # its mean and deviation are in the weights
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return model, lambda x: (x / 255 - mean) / deviation * 255
    scaled = name in ("mobilenet_v2", "xception") or name.startswith("resnet")
    return model, lambda x: x / 127.5 - 1 if scaled else x


def shake(model):
    """Makes batch normalisation differ from the identity."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                shift = random.uniform(-0.1, 0.1, variable.shape)
                variable.assign(np.asarray(variable) + shift)


def pictures(height, width):
    return np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype("float32")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_parity(name, tmp_path):
    """Compares from pixels on, with weights from a file; also at odd sizes if Keras rounds up."""
    path = tmp_path / "notop.weights.h5"
    source, _ = application(name)
    source.save_weights(path)
    ours = tfseg.build_encoder(name, encoder_weights=path)
    for size in ((64, 96),) if name.startswith("convnext") else ((64, 96), (75, 102)):
        there, prepared = application(name, size)  # Keras pads for the size it is built with
        there.load_weights(path)
        wanted = there(prepared(pictures(*size)).astype("float32"))
        found = ours(pictures(*size))["stride32"]
        # Rounding alone is 1e-5 in EfficientNetV2-S with random weights; a wrong border 1e-2.
        np.testing.assert_allclose(found, wanted, atol=5e-5 * np.abs(wanted).max())
    assert parameters(ours) == sum(int(np.prod(v.shape)) for v in there.trainable_variables)


@pytest.mark.slow
def test_xception_is_keras_but_for_its_border(tmp_path):
    """Keras' first two convolutions have no padding; ours halve sizes, rounding up."""
    source, prepared = application("xception")
    source.save_weights(tmp_path / "notop.weights.h5")
    ours = tfseg.build_encoder("xception", encoder_weights=tmp_path / "notop.weights.h5")
    whole = keras.Model(source.input, source.get_layer("block1_conv2_act").output)
    wanted = np.asarray(whole(prepared(pictures(96, 128))))
    height, width = wanted.shape[1:3]
    found = np.asarray(ours(pictures(96, 128))["stride2"])[:, 1 : 1 + height, 1 : 1 + width]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * wanted.max())
    assert parameters(ours) == sum(int(np.prod(v.shape)) for v in source.trainable_variables)


def test_a_file_of_another_application_is_refused(tmp_path):
    source, _ = application("mobilenet_v2")
    source.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match=r"does not fit mobilenet_v3_small; give a \.h5"):
        tfseg.build_encoder("mobilenet_v3_small", encoder_weights=tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match="does not exist"):
        tfseg.build_encoder("mobilenet_v3_small", encoder_weights=tmp_path / "none.h5")


def test_auto_finds_the_file_in_keras_home(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("tfseg.fetching.KERAS_SERVER", ("127.0.0.1", 9))  # no server
    assert starting_weights("unet", "mobilenet_v3_small", "auto") == "none"
    line = capsys.readouterr().out
    assert line.startswith("mobilenet_v3_small starts from scratch: weights_mobilenet_v3_small")
    assert line.count("\n") == 1
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ENCODERS["mobilenet_v3_small"].weights.path).touch()
    assert starting_weights("unet", "mobilenet_v3_small", "auto") == "imagenet"


NETWORKS = ["mobilenet_v3_small", pytest.param("convnext_tiny", marks=pytest.mark.slow)]


@pytest.mark.parametrize("encoder", NETWORKS)
def test_networks_on_them_are_saved(encoder, tmp_path):
    model, images = tfseg.build("unet", 3, encoder=encoder), pictures(64, 65)
    logits = model(images)
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name, compile=False)
        np.testing.assert_array_equal(again(images), logits)
    model.save_weights(tmp_path / "m.weights.h5")
    other = tfseg.build("unet", 3, encoder=encoder)  # Keras continues numbering its layers
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other(images), logits)


@pytest.mark.parametrize(
    "encoder",
    [
        "efficientnet_lite0",
        *(
            pytest.param(e, marks=pytest.mark.slow)
            for e in ("regnet_y_400mf", "mobilenet_v3_small", "pytorch_efficientnet_b1")
        ),
        *(pytest.param(e, marks=pytest.mark.slow) for e in ("convnext_tiny", "xception")),
    ],
)
def test_networks_on_new_layers_are_exported(encoder, tmp_path):
    """Folded, as in `export`: no convolution is followed by batch normalisation."""
    model, images = tfseg.build("fcn32s", 3, encoder=encoder), pictures(64, 65)
    shake(model)
    logits, folded = model(images), fold(model)
    left = [layer for layer in folded.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert not left
    folded.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved"))
    answer = served.serve(tf.constant(images))
    np.testing.assert_allclose(answer, logits, atol=1e-5 * np.abs(logits).max())


def test_two_networks_have_the_same_names():
    names = [
        [layer.name for layer in tfseg.build("linknet", 3, encoder="mobilenet_v3_small").layers
         if layer.weights]
        for _ in range(2)
    ]  # fmt: skip
    assert names[0] == names[1]


def test_flops_of_separable_dense_and_depthwise_layers():
    """MobileNetV2's paper: 300 million multiply-adds with its classifier at 224×224."""
    model = tfseg.build_encoder("mobilenet_v2", input_shape=(224, 224, 3))
    assert abs(sum(map(flops, model.layers)) / 2 - 300e6) < 5e6
