"""The correction of masks for the class weights of their training."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny
from helpers.refusals import refused

import tfseg
from tfseg.class_weights import class_weights, prior_shift
from tfseg.cli import main
from tfseg.evaluation.score import score_network
from tfseg.losses import make_loss
from tfseg.networks import correct, load_checkpoint, load_run
from tfseg.prediction.engine import Engine
from tfseg.records.histogram import class_histogram
from tfseg.records.reader import open_records
from tfseg.runs import RunFolder
from tfseg.training import prior
from tfseg.training.fit import train


@pytest.mark.parametrize("text", ["cross_entropy", "ohem"])
def test_class_weights_shift_the_best_logits(text):
    labels = np.repeat([0, 1, 2], [6, 3, 1]).reshape(1, 2, 5)
    weights, frequencies = np.float32([1, 2, 7]), np.float32([0.6, 0.3, 0.1])

    def gradient(logits):
        pixels = tf.Variable(np.broadcast_to(logits, (1, 2, 5, 3)))
        with tf.GradientTape() as tape:
            value = make_loss(text, weights=weights)(labels, pixels)
        return np.sum(tape.gradient(value, pixels), axis=(0, 1, 2))

    np.testing.assert_allclose(gradient(np.log(frequencies) + prior_shift(weights)), 0, atol=1e-6)
    assert np.abs(gradient(np.log(frequencies))).max() > 0.01


def test_a_class_of_weight_0_shifts_as_the_smallest_other_one():
    np.testing.assert_allclose(prior_shift([0, 0.5, 2]), np.log([0.5, 0.5, 2]), rtol=1e-6)


@pytest.fixture(scope="module")
def trained(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior") / "run"
    return train(tiny.config(records, folder, epochs=4, class_weights="none", loss="cross_entropy"))


def weights_of(records):
    counts = class_histogram(records.splits["train"])
    return class_weights(counts.pixels[:11], "enet", void=counts.void)


def test_a_shift_is_found_and_taken_away(trained, records):
    records, model = open_records(records), load_run(trained).model
    weights = weights_of(records)
    shift = prior_shift(weights) - prior_shift(weights).mean()

    def miou():
        return score_network(Engine(model), records.splits["val"]).tally.results()["miou"]

    model.get_layer("classifier").bias.assign_add(shift)
    before = miou()
    found = prior.prior_correction(model, records.splits["val"], 2, weights)
    assert model.layers[found["layer"]].name == "classifier"
    np.testing.assert_allclose(found["bias"], found["part"] * shift, rtol=1e-5)
    assert found["miou"][0] == pytest.approx(before)
    assert found["miou"][1] > before + 0.01
    correct(model, (found["layer"], found["bias"]))
    assert found["miou"][1] == pytest.approx(miou(), abs=1e-3)


def test_a_run_keeps_its_correction_and_goes_on_without(records, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prior, "WORTH", -1.0)  # keep any
    monkeypatch.setattr(prior, "PARTS", (0.5,))
    monkeypatch.chdir(tmp_path)
    run = train(tiny.config(records, tmp_path / "run", epochs=1))
    assert "corrected for class weights: val mIoU" in capsys.readouterr().out

    def check():
        results = json.loads((run / "results.json").read_text())
        raw = tfseg.build("tiny", 11)
        load_checkpoint(raw, RunFolder(run).best)
        for name in (run, "run", "run/checkpoints/best.weights.h5"):
            network = load_run(name).model
            moved = raw.get_layer("classifier").bias - network.get_layer("classifier").bias
            np.testing.assert_allclose(moved, results["prior_correction"]["bias"], rtol=1e-4)
        main(["test", f"--run={run}", "--gpu=-1"])
        assert json.loads((run / "test-val.json").read_text())["miou"] == results["miou"]

    check()
    tfseg.train(resume=run, epochs=2)
    check()  # and not twice
    main(["export", f"--run={run}", f"--output={tmp_path / 'export'}"])
    image = np.random.default_rng(0).integers(0, 256, (61, 83, 3), "uint8")
    served = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    mask = tfseg.load(run).predict(image)
    np.testing.assert_array_equal(served(images=tf.constant(image[None]))["mask"][0], mask)


def test_it_can_be_turned_off(records, tmp_path, monkeypatch):
    monkeypatch.setattr(prior, "WORTH", -1.0)
    run = train(tiny.config(records, tmp_path / "run", epochs=1, prior_correction=False))
    assert "prior_correction" not in json.loads((run / "results.json").read_text())


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"prior_correction": 3}',
        '{"prior_correction": {"layer": 2, "bias": [NaN]}}',
        '{"prior_correction": {"layer": 0, "bias": []}}',
        json.dumps({"prior_correction": {"layer": 99, "bias": 11 * [0.5]}}),
    ],
)
def test_damaged_results_are_one_line(trained, tmp_path, content, capsys):
    copy = tmp_path / "run"
    (copy / "checkpoints").mkdir(parents=True)
    for name in ("config.json", "labels.json", "checkpoints/best.weights.h5"):
        (copy / name).write_bytes((trained / name).read_bytes())
    (copy / "results.json").write_text(content)
    line = refused(capsys, "export", f"--run={copy}", f"--output={tmp_path / 'export'}")
    assert f"{copy / 'results.json'}" in line
    assert "prior_correction" in line
    assert "delete the file to go without" in line


@pytest.mark.parametrize(
    ("name", "layer", "length"),
    [
        ("linknet", "tp_conv2", 7),
        ("unet_subpixel", "classifier", 28),
        ("fcn8s", "score_pool3", 7),
        ("segformer", "decode_head.classifier", 7),
        ("enet", None, None),  # its last layer has no bias
    ],
)
def test_the_bias_that_adds_to_the_logits(name, layer, length):
    options = {"encoder": "efficientnet_lite0"} if name == "unet_subpixel" else {}
    network = tfseg.build(name, 7, encoder_weights="none", **options)
    found, bias = prior._head(network, np.linspace(-1, 1, 7, dtype="float32"))
    if layer is None:
        assert found is None
    else:
        assert network.layers[found].name == layer
        assert len(bias) == length
    keras.backend.clear_session()
