"""Metrics compared with Cityscapes' official evaluator."""

import importlib

import numpy as np
import pytest
from helpers.figures import TRAIN_IDS, cityscapes_tally, draw, flat
from PIL import Image

from tfseg.evaluation.figures import Tally, cityscapes_prediction, table
from tfseg.evaluation.instances import CLASSES, MEAN_SIZE, VEHICLE


def official(folder, drawn, monkeypatch):
    """The results of Cityscapes' official evaluator, run on files of the frames."""
    name = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    evaluator = importlib.import_module(name)
    if not hasattr(np, "in1d"):  # NumPy 2.4 removed it
        monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    truths, predictions = [], []
    for index, (ids, instance, predicted) in enumerate(drawn):
        stem = f"town_{index:06}_000019"
        names = (f"{stem}_gtFine_labelIds", f"{stem}_gtFine_instanceIds", f"{stem}_pred")
        paths = [str(folder / f"{name}.png") for name in names]
        for path, pixels in zip(paths, (ids, instance, predicted), strict=True):
            Image.fromarray(pixels).save(path)
        truths.append(paths[0])
        predictions.append(paths[2])
    monkeypatch.setattr(evaluator.args, "quiet", True)
    monkeypatch.setattr(evaluator.args, "JSONOutput", False)
    return evaluator.evaluateImgLists(predictions, truths, evaluator.args)


PARTS = {
    "iou": "classScores", "iiou": "classInstScores",
    "category_iou": "categoryScores", "category_iiou": "categoryInstScores",
}  # fmt: skip


MEANS = {
    "miou": "averageScoreClasses", "iiou_mean": "averageScoreInstClasses",
    "category_miou": "averageScoreCategories", "category_iiou_mean": "averageScoreInstCategories",
}  # fmt: skip


def check_agreement(results, wanted):
    """Compares all official metrics; NaN there is None here, or missing."""
    for ours, theirs in PARTS.items():
        there = {name: value for name, value in wanted[theirs].items() if not np.isnan(value)}
        found = {name: value for name, value in results[ours].items() if value is not None}
        assert found == pytest.approx(there, rel=0, abs=1e-9)
    for ours, theirs in MEANS.items():
        value = np.nan if results[ours] is None else results[ours]
        assert value == pytest.approx(wanted[theirs], rel=0, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_official_evaluator(seed, tmp_path, monkeypatch):
    rng = np.random.default_rng(seed)
    drawn = [draw(rng) for _ in range(3)]
    tally = cityscapes_tally(drawn)
    assert tally.matrix[:, VEHICLE].any()
    results = tally.results()
    check_agreement(results, official(tmp_path, drawn, monkeypatch))
    assert results["iiou"].keys() == MEAN_SIZE.keys()
    assert None not in flat(results).values()


@pytest.mark.parametrize("value", [24001, 24], ids=["object", "group"])
def test_classes_that_are_nowhere_agree_too(value, tmp_path, monkeypatch):
    ids = np.full((8, 8), 7, np.uint8)
    ids[:2] = 24
    instance = ids.astype(np.uint16)
    instance[:2] = value
    drawn = [(ids, instance, np.full_like(ids, 29))]
    results = cityscapes_tally(drawn).results()
    check_agreement(results, official(tmp_path, drawn, monkeypatch))
    assert results["iiou"]["person"] == (0 if value == 24001 else None)
    assert results["category_iiou"]["vehicle"] == 0


def test_iiou_is_left_out_where_a_frame_has_no_instances():
    ids, instance, predicted = draw(np.random.default_rng(0))
    tally = Tally(CLASSES)
    for given in (instance, None):
        tally.add(TRAIN_IDS[ids], cityscapes_prediction(predicted), given)
    results = tally.results()
    assert "iiou" not in results
    assert "category_iou" in results
    assert "iIoU: not computed, the records hold no instances" in table(results)


def test_perfect_predictions_give_one():
    ids, instance, _ = draw(np.random.default_rng(0))
    truth = TRAIN_IDS[ids]
    tally = Tally(CLASSES)
    assert tally.add(truth, truth, instance, np.ones(truth.shape, np.float32))["miou"] == 1
    results = tally.results()
    assert results.pop("ece") == 0
    results.pop("calibration")
    values = [value for value in flat(results).values() if value is not None]
    assert values == pytest.approx([1] * len(values))
    assert results["bf"]["road"] == 1
