"""Training with auxiliary heads, and the loss of PIDNet's boundary head."""

import keras
import numpy as np
import pytest

import tfseg
from tfseg.labels import VOID
from tfseg.losses import make_loss
from tfseg.training.boundary import boundaries, boundary_loss, near_boundaries
from tfseg.training.trainer import Trainer


def two_halves(height=8, width=10):
    labels = np.zeros((1, height, width), "uint8")
    labels[:, :, width // 2 :] = 1
    return labels


def test_a_boundary_is_two_pixels_on_either_side():
    found = np.asarray(boundaries(two_halves()))
    wanted = np.zeros((1, 8, 10), bool)
    wanted[:, :, 3:7] = True
    np.testing.assert_array_equal(found, wanted)


def test_void_has_no_boundary():
    labels = two_halves()
    labels[:, :, 3:7] = VOID
    assert not np.asarray(boundaries(labels)).any()
    labels[:] = VOID
    assert not np.asarray(boundaries(labels)).any()
    assert float(boundary_loss(labels, np.ones((1, 8, 10, 1), "float32"))) == 0


def test_boundary_loss_weighs_both_sides_the_same():
    labels = two_halves()
    labels[0, 0] = VOID
    logits = np.random.default_rng(0).normal(size=(1, 8, 10, 1)).astype("float32")
    truth, valid = np.asarray(boundaries(labels)), labels != VOID
    probability = 1 / (1 + np.exp(-logits[..., 0]))
    loss = -np.where(truth, np.log(probability), np.log(1 - probability))
    share = truth[valid].mean()
    wanted = (loss * np.where(truth, 1 - share, share))[valid].mean()
    assert float(boundary_loss(labels, logits)) == pytest.approx(wanted, rel=1e-5)


def test_what_is_far_from_boundaries_becomes_void():
    logits = np.full((1, 8, 10, 1), -3, "float32")
    logits[:, :, 4] = 3
    near = np.asarray(near_boundaries(two_halves(), logits))
    assert (near[:, :, 4] == 0).all()
    assert (np.delete(near, 4, axis=2) == VOID).all()


def training(outputs):
    pixels = keras.Input((8, 10, 3))
    heads = {
        name: keras.layers.Conv2D(classes, 1, name=name)(pixels)
        for name, classes in outputs.items()
    }
    model = Trainer(pixels, heads)
    model.aux_weight = 0.4
    model.compile("sgd", make_loss("cross_entropy"))
    return model


def test_every_head_adds_its_loss():
    model, labels, loss = training({"logits": 2, "aux": 2, "aux2": 2}), two_halves(), make_loss
    found = model(np.random.default_rng(0).random((1, 8, 10, 3), "float32"))
    parts = {name: float(loss("cross_entropy")(labels, found[name])) for name in found}
    total = float(model.compute_loss(y=labels, y_pred=found))
    assert total == pytest.approx(parts["logits"] + 0.4 * (parts["aux"] + parts["aux2"]))
    alone = float(model.compute_loss(y=labels, y_pred=found, training=False))
    assert alone == pytest.approx(parts["logits"])


def test_a_boundary_head_adds_two():
    model, labels = training({"logits": 2, "boundary": 1}), two_halves()
    found = model(10 * np.random.default_rng(0).random((1, 8, 10, 3), "float32"))
    loss = make_loss("cross_entropy")
    wanted = (
        loss(labels, found["logits"])
        + 20 * boundary_loss(labels, found["boundary"])
        + loss(near_boundaries(labels, found["boundary"]), found["logits"])
    )
    assert float(model.compute_loss(y=labels, y_pred=found)) == pytest.approx(float(wanted))


def test_pidnet_trains_with_its_heads():
    network = tfseg.build("pidnet_s", 3, aux=True)
    assert {key: value.shape[-1] for key, value in network.output.items()} == {
        "logits": 3, "aux": 3, "boundary": 1,
    }  # fmt: skip
    model = Trainer(network.inputs, network.output)
    model.aux_weight = 0.4
    model.compile("sgd", make_loss("cross_entropy"), run_eagerly=True)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
    before = [np.array(v) for v in model.get_layer("aux.d_cls_seg").weights]
    labels = np.repeat(two_halves(64, 64), 2, axis=0)
    assert np.isfinite(model.train_on_batch(images, labels))
    after = [np.array(v) for v in model.get_layer("aux.d_cls_seg").weights]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
