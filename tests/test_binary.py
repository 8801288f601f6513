"""`--task=binary`: one sigmoid, from the records to the server."""

import json
import re

import keras
import numpy as np
import pytest
from helpers.drawn import drawn_records
from helpers.serving import Server, file_of, pixels_of
from helpers.small import SMALL
from keras import ops

import tfseg
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.evaluation.ranking import Ranking
from tfseg.exporting.formats import FORMATS, open_export
from tfseg.labels import VOID
from tfseg.records.reader import open_records
from tfseg.runs import RunFolder
from tfseg.training.fit import train


def drawn(number, what):
    """A bright disc on noise; half of its surroundings is void."""
    rng = np.random.default_rng(number)
    rows, columns = np.ogrid[:48, :64]
    center, radius = rng.integers(12, (36, 52)), rng.integers(6, 12)
    distance = np.hypot(rows - center[0], columns - center[1])
    if what == "label":
        ring = (distance >= radius) & (distance < radius + 2) & (columns > center[1])
        return np.where(ring, VOID, distance < radius).astype(np.uint8)
    noise = rng.integers(0, 160, (48, 64, 3))
    return (noise + 70 * (distance < radius)[..., None]).astype(np.uint8)


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    return drawn_records(
        tmp_path_factory.mktemp("discs"),
        "discs",
        ("ground", "disc"),
        ((0, 0, 0), (255, 0, 0)),
        drawn,
    )


@pytest.fixture(scope="module")
def binary(discs, tmp_path_factory):
    settings = {**SMALL, "epochs": 2, "learning_rate_init": 3e-3}
    folder = tmp_path_factory.mktemp("runs") / "discs"
    return train(TrainConfig(input=discs, savedir=folder, task="binary", **settings))


@pytest.fixture(scope="module")
def val(discs):
    split = open_records(discs).splits["val"]
    return [split.frame(i) for i in range(len(split))]


def test_one_logit_is_learnt_and_its_threshold_is_tuned_on_val(binary, val):
    segmenter = tfseg.load(binary)
    assert segmenter.model.output_shape[-1] == 1
    results = json.loads((binary / "results.json").read_text())
    threshold = results["thresholds"]["disc"]
    assert segmenter.engine.decision.thresholds == (threshold,)
    valid = np.concatenate([label[label != VOID] for _, label in val])
    found = np.concatenate([segmenter.probabilities(i)[..., 1][t != VOID] for i, t in val])

    def iou(threshold):
        hit = found > threshold
        return (hit & (valid == 1)).sum() / (hit | (valid == 1)).sum()

    assert iou(threshold) >= max(iou(t) for t in np.linspace(0.01, 0.99, 99)) - 1e-3
    assert results["iou"]["disc"] == pytest.approx(iou(threshold), abs=1e-6)
    assert results["dice"]["disc"] == pytest.approx(
        2 * results["iou"]["disc"] / (1 + results["iou"]["disc"])
    )
    assert 0.5 < results["average_precision"]["disc"] <= 1


@pytest.mark.parametrize("looks", [{}, {"flip": True}, {"tile": 40}], ids=str)
@pytest.mark.parametrize("threshold", [0.2, 0.8])
def test_a_mask_is_what_lies_above_the_threshold(binary, val, looks, threshold):
    segmenter = tfseg.load(binary, threshold=threshold, **looks)
    image = val[0][0]
    probability = segmenter.probabilities(image)[..., 1]
    differ = segmenter.predict(image) != (probability > threshold)
    assert np.abs(probability[differ] - threshold).max(initial=0) < 1e-5
    classes, confidence = segmenter.engine.label(image[None])
    np.testing.assert_allclose(
        confidence[0], np.where(classes[0] == 1, probability, 1 - probability), atol=1e-3
    )


def test_commands_take_the_runs_threshold_or_another(binary, val, tmp_path, capsys):
    main(
        ["test", f"--run={binary}", "--gpu=-1", f"--output={tmp_path}", f"--html={tmp_path}/r.html"]
    )
    tested = json.loads((tmp_path / "test-val.json").read_text())
    trained = json.loads((binary / "results.json").read_text())
    assert tested["iou"] == pytest.approx(trained["iou"], abs=1e-6)
    assert "Dice" in (table := capsys.readouterr().out)
    assert "AP" in table
    assert "Dice" in (tmp_path / "r.html").read_text()
    main(["test", f"--run={binary}", "--gpu=-1", f"--output={tmp_path}", "--threshold=0.99"])
    other = json.loads((tmp_path / "test-val.json").read_text())
    assert other["iou"]["disc"] < tested["iou"]["disc"]
    assert other["average_precision"] == pytest.approx(tested["average_precision"])


@pytest.mark.slow
def test_every_format_answers_the_same_mask(binary, val, tmp_path):
    folder = tmp_path / "discs" / "1"
    formats = ",".join(FORMATS)
    tfseg.export(run=binary, output=folder, format=formats, outputs="mask,probabilities")
    segmenter = tfseg.load(binary)
    images = np.stack([image for image, _ in val])
    wanted = segmenter.predict(images)
    for row in FORMATS.values():
        answer = open_export(folder / row.file)(images)
        assert np.mean(answer["mask"] != wanted) < 1e-3, row.title
        np.testing.assert_allclose(
            answer["probabilities"], segmenter.probabilities(images), atol=1e-4
        )
    labels = json.loads((folder / "labels.json").read_text())
    assert labels["thresholds"] == list(segmenter.engine.decision.thresholds)
    server = Server(folder.parent)
    try:
        status, _, png = server.ask("POST", "/segment", file_of(images[0]))
        assert status == 200
        assert np.mean(pixels_of(png) != wanted[0]) < 1e-3
    finally:
        server.stop()


def test_losses_of_one_logit_are_those_of_its_sigmoid():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, (2, 8, 9)), rng.normal(0, 2, (2, 8, 9, 1)).astype("f")
    ours = tfseg.losses.cross_entropy(labels, logits)
    theirs = ops.mean(keras.losses.binary_crossentropy(labels[..., None], logits, from_logits=True))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    two = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    for name in tfseg.losses.LOSSES:
        loss = tfseg.losses.make_loss(name)
        assert float(loss(labels, logits)) == pytest.approx(float(loss(labels, two)), rel=1e-6)


def test_ranking_agrees_with_going_through_all_thresholds():
    rng = np.random.default_rng(1)
    truth = rng.choice([0, 1, VOID], (5, 40), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    probability = np.clip(rng.normal(0.4 + 0.2 * (truth == 1), 0.2), 0, 1)
    probability = (np.round(probability * 50) / 50 + 5e-4).astype(np.float32)  # ties, within bins
    ranking = Ranking()
    for row in range(5):
        ranking.add(truth[row], probability[row])
    valid, found = truth[truth != VOID] == 1, probability[truth != VOID]
    area = before = best = 0.0
    for threshold in np.unique(found)[::-1]:
        taken = found >= threshold
        hits = (taken & valid).sum()
        area += (hits / valid.sum() - before) * hits / taken.sum()
        before = hits / valid.sum()
        best = max(best, hits / (taken | valid).sum())
    assert ranking.average_precision() == pytest.approx(area)
    taken = found > ranking.best_threshold()
    assert (taken & valid).sum() / (taken | valid).sum() == pytest.approx(best)
    assert Ranking().best_threshold() == 0.5


def test_a_checkpoint_of_one_class_is_binary(binary, val, tmp_path):
    best = RunFolder(binary).best
    image = tmp_path / "a.png"
    image.write_bytes(file_of(val[0][0]))
    main(
        ["predict", "--model=linknet", f"--checkpoint={best}", f"--input={image}", "--gpu=-1",
         f"--output={tmp_path}/out", "--save=probabilities"]
    )  # fmt: skip
    found = np.load(tmp_path / "out" / "a_probabilities.npy")
    np.testing.assert_allclose(found, tfseg.load(binary).probabilities(val[0][0]), atol=2e-3)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("train --input={records} --task=binary", "needs two classes, the background first; .* 11"),
        ("test --run={run} --threshold=0.4", "--threshold=0.4: .* is multiclass"),
        ("predict --run={binary} --input=x.png --task=binary", "--task=binary needs --model"),
        ("export --run={binary} --output=x --threshold=1", "--threshold=1: wanted numbers between"),
    ],
)
def test_what_does_not_fit_is_refused(command, line, records, run, binary, tmp_path, capsys):
    (tmp_path / "x.png").write_bytes(file_of(drawn(0, "image")))
    words = command.format(records=records, run=run, binary=binary)
    words = words.replace("x.png", str(tmp_path / "x.png")).split()
    with pytest.raises(SystemExit) as exit:
        main([*words, "--gpu=-1"] if words[0] != "export" else words)
    assert exit.value.code == 2
    assert re.search(line, capsys.readouterr().err)
