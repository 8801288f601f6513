"""`--task=multilabel`: a sigmoid and a mask per class, from the records to the server."""

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.drawn import drawn_records
from helpers.serving import Server, file_of, pixels_of
from helpers.small import SMALL
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.exporting.formats import FORMATS, open_export
from tfseg.labels import VOID, Labels, label_sets
from tfseg.losses import make_loss, multilabel_loss
from tfseg.metrics import MultilabelCounts
from tfseg.records.reader import open_records
from tfseg.training.fit import train

NAMES = ("background", "disc", "bar", "disc+bar")
COLORS = ((0, 0, 0), (255, 0, 0), (0, 0, 255), (255, 255, 255))


def drawn(number, what):
    """A red disc and a blue bar that cross; the corner is void."""
    rng = np.random.default_rng(number)
    rows, columns = np.ogrid[:48, :64]
    center = rng.integers(14, (34, 50))
    disc = np.hypot(rows - center[0], columns - center[1]) < rng.integers(8, 13)
    bar = abs(columns - center[1] - rng.integers(-10, 10)) < 5 + 0 * rows
    if what == "label":
        label = disc + 2 * bar
        label[:4, :4] = VOID
        return label.astype(np.uint8)
    image = rng.integers(0, 140, (48, 64, 3))
    image[..., 0] += 110 * disc
    image[..., 2] += 110 * bar
    return image.astype(np.uint8)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return drawn_records(tmp_path_factory.mktemp("shapes"), "shapes", NAMES, COLORS, drawn)


@pytest.fixture(scope="module")
def multilabel(shapes, tmp_path_factory):
    settings = {**SMALL, "epochs": 3, "learning_rate_init": 3e-3}
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    return train(TrainConfig(input=shapes, savedir=folder, task="multilabel", **settings))


@pytest.fixture(scope="module")
def val(shapes):
    split = open_records(shapes).splits["val"]
    return [split.frame(i) for i in range(len(split))]


def test_labels_name_the_classes_that_they_stand_for():
    sets = label_sets(Labels("shapes", NAMES, COLORS))
    assert sets.labels == Labels("shapes", ("disc", "bar"), ((255, 0, 0), (0, 0, 255)))
    label = np.array([[0, 1, 2, 3, VOID]], np.uint8)
    np.testing.assert_array_equal(
        sets.masks(label)[0], [[0, 0], [1, 0], [0, 1], [1, 1], [VOID, VOID]]
    )


def test_every_class_is_a_binary_problem(shapes):
    sets = label_sets(Labels("shapes", NAMES, COLORS))
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 3, VOID], (2, 9, 7)).astype(np.uint8)
    logits = rng.normal(0, 2, (2, 9, 7, 2)).astype("f")
    truth = sets.masks(labels)
    for name in ("cross_entropy", "dice", "lovasz", "focal", "ohem"):
        single = make_loss(name)
        each = [float(single(truth[..., k], logits[..., k : k + 1])) for k in range(2)]
        loss = multilabel_loss([single, single], sets.table)
        assert float(loss(labels, logits)) == pytest.approx(np.mean(each), rel=1e-6)
    valid = truth != VOID
    entropy = tf.nn.sigmoid_cross_entropy_with_logits((truth == 1).astype("f"), logits).numpy()
    loss = multilabel_loss([make_loss("cross_entropy")] * 2, sets.table)
    assert float(loss(labels, logits)) == pytest.approx(entropy[valid].mean(), rel=1e-6)

    metric = MultilabelCounts(sets.table)
    metric.update_state(labels, logits)
    hit, there = (logits > 0) & valid, truth == 1
    iou = (hit & there).sum((0, 1, 2)) / (hit | there).sum((0, 1, 2))
    np.testing.assert_allclose(metric.scores()["iou"], iou)
    assert float(metric.result()["miou"]) == pytest.approx(iou.mean())
    assert float(metric.result()["pixel_accuracy"]) == pytest.approx((hit == there)[valid].mean())


def test_a_run_learns_both_classes_and_tunes_their_thresholds(multilabel, val):
    segmenter = tfseg.load(multilabel)
    assert segmenter.classes == ("disc", "bar")
    results = json.loads((multilabel / "results.json").read_text())
    assert segmenter.engine.decision.thresholds == tuple(results["thresholds"].values())
    sets = label_sets(Labels("shapes", NAMES, COLORS))
    truth = np.stack([sets.masks(label) for _, label in val])
    masks = segmenter.predict(np.stack([image for image, _ in val]))
    assert masks.shape == truth.shape
    masks[truth == VOID] = 0
    there = truth == 1
    iou = (masks & there).sum((0, 1, 2)) / (masks | there).sum((0, 1, 2))
    np.testing.assert_allclose(list(results["iou"].values()), iou, atol=1e-6)
    assert results["miou"] == pytest.approx(iou.mean(), abs=1e-6)
    assert min(results["average_precision"].values()) > 0.6


def test_test_writes_figures_and_a_page(multilabel, tmp_path, capsys):
    page = tmp_path / "r.html"
    main(["test", f"--run={multilabel}", "--gpu=-1", f"--output={tmp_path}", f"--html={page}"])
    tested = json.loads((tmp_path / "test-val.json").read_text())
    trained = json.loads((multilabel / "results.json").read_text())
    for name in ("iou", "dice", "boundary_iou", "average_precision"):
        assert tested[name] == pytest.approx(trained[name], abs=1e-6)
    assert "mean average precision" in capsys.readouterr().out
    assert "Confused classes" not in page.read_text()
    assert not (tmp_path / "test-val" / "confusion.csv").exists()
    assert (tmp_path / "test-val" / "frame-00000.png").exists()


def test_predict_writes_a_mask_a_class(multilabel, val, tmp_path):
    image = val[0][0]
    Image.fromarray(image).save(tmp_path / "a.png")
    flags = [f"--run={multilabel}", f"--input={tmp_path}/a.png", f"--output={tmp_path}/out"]
    main(["predict", *flags, "--gpu=-1", "--save=mask,overlay,uncertainty,probabilities"])
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {
        "a_disc.png", "a_bar.png", "a_overlay.png", "a_uncertainty.png", "a_probabilities.npy"
    }  # fmt: skip
    masks = tfseg.load(multilabel).predict(image)
    for k, name in enumerate(("disc", "bar")):
        written = pixels_of((tmp_path / "out" / f"a_{name}.png").read_bytes())
        np.testing.assert_array_equal(written, 255 * masks[..., k])
    shown = pixels_of((tmp_path / "out" / "a_overlay.png").read_bytes())
    none = (masks == 0).all(axis=2)
    np.testing.assert_array_equal(shown[none], image[none])


@pytest.mark.slow
def test_every_format_and_the_server_answer_the_same_masks(multilabel, shapes, val, tmp_path):
    folder = tmp_path / "shapes" / "1"
    formats = ",".join(FORMATS)
    tfseg.export(run=multilabel, output=folder, format=formats, outputs="mask,probabilities")
    segmenter = tfseg.load(multilabel)
    images = np.stack([image for image, _ in val])
    wanted = segmenter.predict(images)
    for row in FORMATS.values():
        answer = open_export(folder / row.file)(images)
        assert np.mean(answer["mask"] != wanted) < 1e-3, row.title
        wanted_probabilities = segmenter.probabilities(images)
        np.testing.assert_allclose(answer["probabilities"], wanted_probabilities, atol=1e-4)
    tested = tfseg.test(export=folder, input=shapes, output=tmp_path)
    trained = json.loads((multilabel / "results.json").read_text())
    assert tested["iou"] == pytest.approx(trained["iou"], abs=1e-3)
    files = tf.constant([file_of(images[0])])
    served = tf.saved_model.load(str(folder))
    pngs = served.signatures["encoded"](image_bytes=files)["mask_png"].numpy()
    for k in range(2):
        assert np.mean(pixels_of(pngs[0, k]) != 255 * wanted[0, ..., k]) < 1e-3
    server = Server(folder.parent)
    try:
        for k, name in enumerate(segmenter.classes):
            status, _, png = server.ask("POST", f"/segment?class={name}", file_of(images[0]))
            assert status == 200, png
            assert np.mean(pixels_of(png) != 255 * wanted[0, ..., k]) < 1e-3
        bits = pixels_of(server.ask("POST", "/segment", file_of(images[0]))[2])
        assert np.mean(bits != wanted[0] @ [1, 2]) < 1e-3
        status, _, answer = server.ask("POST", "/segment?class=road", file_of(images[0]))
        assert status == 400
        assert "disc, bar" in json.loads(answer)["error"]
        status, _, png = server.ask("POST", "/segment?output=overlay", file_of(images[0]))
        assert pixels_of(png).shape == images[0].shape
    finally:
        server.stop()


def test_what_does_not_fit_is_refused(multilabel, shapes, tmp_path, capsys):
    cases = {
        f"test --run={multilabel} --gpu=-1 --crf": "--crf",
        f"test --run={multilabel} --gpu=-1 --threshold=0.1,0.2,0.3": "wanted one, or 2",
        f"train --input={shapes} --task=binary --savedir={tmp_path}/a": "two classes",
        f"train --input={shapes} --task=multilabel --class_weights=median --savedir={tmp_path}/b": (
            "median"
        ),
    }
    for command, line in cases.items():
        with pytest.raises(SystemExit) as exit:
            main(command.split())
        assert exit.value.code == 2
        assert line in capsys.readouterr().err, command
