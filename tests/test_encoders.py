"""Every encoder with every network that accepts it: which layers are its own, and freezing."""

import functools
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import COVER
from helpers.small import SMALL
from keras import ops

import tfseg
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.encoders import ENCODERS, unused_layers
from tfseg.errors import UserError
from tfseg.models import MODELS
from tfseg.models.table import VIT
from tfseg.records.reader import open_input
from tfseg.training.compilation import compiled, starting_network

EVERYDAY = list(COVER)[:6]
# All 3,229 pairs take hours, those of one network minutes:
# EVERY_PAIR=1 python -m pytest tests/test_encoders.py -k 'reaches and unet-'
EVERY = bool(os.environ.get("EVERY_PAIR"))
PAIRS = [(name, encoder) for name, row in MODELS.items() for encoder in row.encoders]


def marked(encoder, *values):
    """Test parameters; all but a few are marked slow."""
    marks = () if encoder in EVERYDAY else pytest.mark.slow
    return pytest.param(*values, marks=marks, id="-".join(values))


COVERED = [marked(encoder, network, encoder) for encoder, network in COVER.items()]
ROWS = [marked(encoder, encoder) for encoder in (ENCODERS if EVERY else COVER)]


def test_the_cover_has_every_family_and_every_network():
    assert {ENCODERS[name].family for name in COVER} == {row.family for row in ENCODERS.values()}
    assert set(COVER.values()) == {name for name, row in MODELS.items() if row.encoders}
    for name, row in MODELS.items():
        without = set(ENCODERS) - set(row.encoders)
        whole = not row.encoders or set(row.encoders) == set(VIT)
        assert whole or not any(ENCODERS[encoder].dilates for encoder in without), name


def with_weights(layers):
    return {layer.name for layer in layers if layer.weights}


@functools.cache
def layers_of(encoder):
    return with_weights(tfseg.build_encoder(encoder).layers)


@pytest.mark.parametrize(("name", "encoder"), PAIRS if EVERY else COVERED)
def test_the_encoder_can_be_frozen_and_a_step_reaches_all_of_it(name, encoder):
    """Freezing affects only the encoder; without it, every weight of the encoder has a gradient."""
    keras.backend.clear_session()
    config = TrainConfig(model=name, encoder=encoder, freeze_encoder=True, encoder_weights="none")
    network = starting_network(config, 2, resuming=False)
    layers = [network.get_layer(layer) for layer in network.encoder_layers]
    listed = with_weights(layers)
    assert listed == layers_of(encoder) - unused_layers(network)
    assert {layer.name for layer in network.layers if not layer.trainable} >= listed
    learning = with_weights(layer for layer in network.layers if layer.trainable)
    assert learning == with_weights(network.layers) - listed
    assert learning
    for layer in layers:
        layer.trainable = True
    wanted = [v for layer in layers for v in layer.trainable_variables]
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")
    with tf.GradientTape() as tape:
        loss = ops.mean(ops.square(network(images, training=True)))
    gradients = tape.gradient(loss, [v.value for v in wanted])
    for variable, gradient in zip(wanted, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path


@pytest.fixture
def streets(records):
    return open_input(TrainConfig(input=records))


@pytest.mark.parametrize(("name", "encoder"), [("linknet", "resnet18"), ("unet", "vgg16_bn")])
def test_a_step_of_training_leaves_a_frozen_encoder(name, encoder, streets):
    keras.backend.clear_session()
    settings = {**SMALL, "crop_size": (32, 32), "optimizer": "adamw", "weight_decay": 0.1}
    config = TrainConfig(model=name, encoder=encoder, freeze_encoder=True, **settings)
    network = starting_network(config, 11, resuming=False)
    before = {v.path: np.asarray(v) for v in network.variables}
    model, _ = compiled(network, config, streets, steps=1)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 32, 32, 3), "uint8")
    model.train_on_batch(images, random.integers(0, 2, (2, 32, 32), "uint8"))
    moved = {v.path for v in network.variables if not np.array_equal(before[v.path], v)}
    encoder_layers = [network.get_layer(layer) for layer in network.encoder_layers]
    assert not moved & {v.path for layer in encoder_layers for v in layer.variables}
    head = {v.path for v in network.trainable_variables}
    # A bias before batch normalisation gets no gradient; other weights of its layer do.
    assert {path.rsplit("/", 1)[0] for path in head} == {p.rsplit("/", 1)[0] for p in moved & head}


def test_depthwise_convolutions_stay_out_of_xla(streets):
    """On a CPU, XLA takes 14 to 30 times as long for them."""
    config = TrainConfig(
        model="unet", encoder="mobilenet_v3_small", encoder_weights="none", **SMALL
    )
    network = starting_network(config, 11, resuming=False)
    model, _ = compiled(network, config.replace(crop_size=(32, 32)), streets, steps=1)
    assert not model.jit_compile


def symbolic(encoder, **options):
    return tfseg.build_encoder(encoder, input_shape=(64, 64, 3), **options).output


@pytest.mark.parametrize("encoder", ROWS)
def test_a_row_says_its_channels(encoder):
    keras.backend.clear_session()
    shapes = {key: tensor.shape for key, tensor in symbolic(encoder).items()}
    channels = dict(zip((2, 4, 8, 16, 32), ENCODERS[encoder].channels, strict=True))
    for stride, number in channels.items():
        wanted = (None, 64 // stride, 64 // stride, number) if number else None
        assert shapes.get(f"stride{stride}") == wanted


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("encoder", ROWS)
def test_a_row_says_whether_it_dilates(encoder, stride):
    if ENCODERS[encoder].dilates:
        keras.backend.clear_session()
        shape = symbolic(encoder, output_stride=stride)["stride32"].shape
        assert shape == (None, 64 // stride, 64 // stride, ENCODERS[encoder].channels[-1])
    else:
        with pytest.raises(UserError) as refused:
            symbolic(encoder, output_stride=stride)
        message = f"output_stride={stride}: {encoder} has only 32; families with 8 and 16: "
        assert str(refused.value).startswith(message)


@pytest.mark.parametrize("flag", ["--freeze_encoder", "--encoder_lr_factor=0.1"])
@pytest.mark.parametrize("name", ["enet", "segnet", "unet"])
def test_networks_without_such_an_encoder_refuse(name, flag, records, tmp_path, capsys):
    where = [f"--input={records}", f"--savedir={tmp_path / 'run'}", "--gpu=-1"]
    with pytest.raises(SystemExit) as stop:
        main(["train", f"--model={name}", flag, *where])
    assert stop.value.code == 2
    option = flag.split("=")[0]
    lines = capsys.readouterr().err.strip().splitlines()
    message = f"{option}: {name} has no exchangeable encoder; leave it out"
    assert [line for line in lines if message in line] == lines[-1:]
    assert not (tmp_path / "run").exists()
