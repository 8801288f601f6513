"""Every figure of evaluation beside its slow definition, and beside Cityscapes' own evaluator."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from tfseg.datasets.cityscapes import LABELS
from tfseg.errors import UserError
from tfseg.evaluation import boundary
from tfseg.evaluation.figures import Tally, cityscapes_prediction, elab_names, table
from tfseg.evaluation.instances import CLASSES, MEAN_SIZE, VEHICLE
from tfseg.metrics import scores

VOID = 255
NAMES = ("road", "tree", "sky")
TRAIN_IDS = np.array([label.train_id for label in LABELS], np.uint8)


def blobs(rng, size, values, blob=6):
    """A label map of blocks about `blob` pixels wide, some of them shifted by a pixel or two."""
    height, width = size
    coarse = rng.choice(np.array(values), (height // blob + 2, width // blob + 2))
    rows = (np.arange(height) + rng.integers(0, 3, height)) // blob
    columns = (np.arange(width) + rng.integers(0, 3, width)) // blob
    return coarse[rows[:, None], columns].astype(np.uint8)


def disturbed(rng, labels, values, share=0.2):
    """Labels with some pixels and a block of something else."""
    noise = rng.random(labels.shape) < share
    result = np.where(noise, rng.choice(np.array(values), labels.shape), labels).astype(np.uint8)
    height, width = labels.shape
    result[height // 3 : height // 2, width // 4 : width // 2] = rng.choice(values)
    return result


def frames(seed=0, count=5, classes=3):
    """(truth, prediction) pairs with void in the truth, and 7 and 255, no class, predicted."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        truth = blobs(rng, (31 + index, 47 - index), [*range(classes), VOID])
        few = disturbed(rng, blobs(rng, truth.shape, [0, 1, 7, VOID]), range(classes), 0.05)
        yield truth, np.where(rng.random(truth.shape) < 0.7, truth, few) if index % 2 else few


def tallied(pairs, names=NAMES):
    tally = Tally(names)
    for pair in pairs:
        tally.add(*pair)
    return tally


def slow_matrix(pairs, classes):
    matrix = np.zeros((classes, classes + 1), np.int64)
    for truth, prediction in pairs:
        for row, column in zip(truth.flat, prediction.flat, strict=True):
            if row != VOID:
                matrix[row, min(column, classes)] += 1
    return matrix


@pytest.mark.parametrize("noise", [0, 0.9], ids=["long runs", "short runs"])
def test_matrix_agrees_with_counting_one_by_one(noise):
    rng = np.random.default_rng(1)
    pairs = [(t, disturbed(rng, p, range(3), noise)) for t, p in frames()]
    np.testing.assert_array_equal(tallied(pairs).matrix, slow_matrix(pairs, 3))


def test_figures_of_the_matrix_are_those_of_training():
    pairs = [(t, np.minimum(p, 2)) for t, p in frames()]
    results, matrix = tallied(pairs).results(), slow_matrix(pairs, 3)[:, :3]
    for name, wanted in scores(matrix).items():
        found = list(results[name].values()) if name == "iou" else results[name]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-15)


def test_no_class_is_a_miss_and_no_class_of_its_own():
    tally = tallied([(np.array([[0, 0, 1, VOID]], np.uint8), np.array([[0, 9, 255, 9]], np.uint8))])
    assert tally.matrix.tolist() == [[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    results = tally.results()
    assert results["iou"] == {"road": 0.5, "tree": 0.0, "sky": None}
    assert results["miou"] == 0.25
    assert results["pixel_accuracy"] == pytest.approx(1 / 3)


def test_a_frame_gives_its_own_miou():
    tally, pairs = Tally(NAMES), list(frames())
    for pair in pairs:
        assert tally.add(*pair) == pytest.approx(tallied([pair]).results()["miou"], abs=1e-15)


def windows(mask, reach, outside):
    """Every pixel's window of `reach` pixels to each side, (H, W, windows)."""
    padded = np.pad(mask, reach, constant_values=outside)
    shape = (2 * reach + 1,) * 2
    return np.lib.stride_tricks.sliding_window_view(padded, shape).reshape(*mask.shape, -1)


def pairs_without_void(pairs):
    for truth, prediction in pairs:
        yield truth, np.where(truth == VOID, VOID, prediction)


def slow_boundary_iou(pairs, classes):
    """By class, mask by mask, as the paper has it."""
    both, either = np.zeros((2, classes))
    for pair in pairs_without_void(pairs):
        reach = max(1, round(0.02 * np.hypot(*pair[0].shape)))
        for c in range(classes):
            masks = [labels == c for labels in pair]
            rims = [mask & ~windows(mask, reach, False).all(-1) for mask in masks]
            both[c] += (rims[0] & rims[1]).sum()
            either[c] += (rims[0] | rims[1]).sum()
    return both / either


def outline(labels, c):
    """Places (N, 2) of the class's pixels that touch another label inside the picture."""
    mask = labels == c
    return np.argwhere(mask & ~windows(mask, 1, True).all(-1))


def slow_bf(pairs, classes, share=0.0075):
    values = [[] for _ in range(classes)]
    for pair in pairs_without_void(pairs):
        tolerance = share * np.hypot(*pair[0].shape)
        for c in range(classes):
            truth, seen = (outline(labels, c) for labels in pair)
            if len(truth) and len(seen):
                near = np.linalg.norm(truth[:, None] - seen, axis=-1) < tolerance
                recall, precision = near.any(1).mean(), near.any(0).mean()
                total = precision + recall
                values[c].append(2 * precision * recall / total if total else 0)
            elif len(truth) or len(seen):
                values[c].append(0)
    return [np.mean(v) for v in values]


def large(count=2):
    """Frames on which the rim is 5 pixels wide and outlines may lie 2 pixels apart."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        truth = blobs(rng, (160, 230), [0, 1, 2, VOID], 25)
        moved = np.roll(truth, rng.integers(1, 4, 2), (0, 1))
        yield truth, disturbed(rng, moved, [0, 1, 2, 7], 0.002)


@pytest.mark.parametrize("pairs", [list(frames()), list(large())], ids=["small", "large"])
def test_boundaries_agree_with_their_definitions(pairs):
    results = tallied(pairs).results()
    wanted = slow_boundary_iou(pairs, 3)
    np.testing.assert_allclose(list(results["boundary_iou"].values()), wanted, atol=1e-12)
    assert results["boundary_miou"] == pytest.approx(wanted.mean())
    wanted = slow_bf(pairs, 3)
    np.testing.assert_allclose(list(results["bf"].values()), wanted, atol=1e-12)
    assert results["mean_bf"] == pytest.approx(np.mean(wanted))
    assert 0 < min(wanted) < max(wanted) < 1


@pytest.mark.parametrize("share", [0.02, 0.035])
def test_bf_of_pictures_so_large_that_many_pixels_are_in_reach(share, monkeypatch):
    monkeypatch.setattr(boundary, "TOLERANCE", share)
    rng = np.random.default_rng(7)
    pairs = [(truth, blobs(rng, truth.shape, [0, 1, 2], 40)) for truth, _ in large()]
    found = list(tallied(pairs).results()["bf"].values())
    np.testing.assert_allclose(found, slow_bf(pairs, 3, share), atol=1e-12)


def test_order_does_not_matter():
    pairs = [(*pair, np.random.default_rng(2).random(pair[0].shape)) for pair in frames()]
    ways = []
    for order in (pairs, pairs[::-1]):
        tally = Tally(NAMES)
        for truth, prediction, confidence in order:
            tally.add(truth, prediction, confidence=confidence.astype(np.float32))
        ways.append(tally.results())
    assert flat(ways[0]) == pytest.approx(flat(ways[1]), abs=1e-12)


def flat(results):
    """{path: value} of nested results."""
    if not isinstance(results, dict | list):
        return {"": results}
    items = results.items() if isinstance(results, dict) else enumerate(results)
    return {f"{key}/{path}": v for key, inner in items for path, v in flat(inner).items()}


def test_without_boundaries_the_rest_is_the_same():
    tally = Tally(NAMES, boundaries=False)
    for pair in frames():
        tally.add(*pair)
    every, some = tallied(frames()).results(), tally.results()
    assert every.keys() - some.keys() == {"boundary_iou", "boundary_miou", "bf", "mean_bf"}
    assert some == {name: every[name] for name in some}


def test_expected_calibration_error_by_hand():
    tally = Tally(("a", "b"))
    truth = np.array([[0, 0, 1, 1, VOID]], np.uint8)
    prediction = np.array([[0, 1, 1, 0, 0]], np.uint8)
    confidence = np.array([[0.95, 0.95, 0.55, 0, 1]], np.float32)
    tally.add(truth, prediction, confidence=confidence)
    results = tally.results()
    # Bins: 0.95 twice with one right; 0.55 right; 0 wrong.
    assert results["ece"] == pytest.approx(0.5 * 0.45 + 0.25 * 0.45 + 0)
    assert len(results["calibration"]) == 15
    assert results["calibration"][14] == pytest.approx(
        {"confidence": 0.95, "accuracy": 0.5, "share": 0.5}
    )
    assert results["calibration"][3] == {"confidence": None, "accuracy": None, "share": 0}


def draw(rng, size=(96, 160)):
    """A frame of Cityscapes: label ids uint8, instance ids uint16, predicted ids uint8."""
    ids = blobs(rng, size, range(34), 12)
    instance = ids.astype(np.uint16)
    with_objects = [label.id for label in LABELS if label.has_instances]
    for number in range(40):
        label = rng.choice(with_objects)
        top, left = (rng.integers(0, length - 5) for length in size)
        place = np.s_[top : top + rng.integers(2, 20), left : left + rng.integers(2, 30)]
        ids[place] = label
        group = number % 5 == 0
        instance[place] = label if group else label * 1000 + number // 3
    predicted = disturbed(rng, ids, range(34), 0.3)
    vehicles = [label.id for label in LABELS if label.category == "vehicle"]
    swap = np.isin(ids, vehicles) & (rng.random(size) < 0.5)
    predicted[swap] = rng.choice(vehicles, swap.sum())
    return ids, instance, predicted


def official(folder, drawn, monkeypatch):
    """What Cityscapes' own evaluator makes of the frames, run on files."""
    name = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    evaluator = importlib.import_module(name)
    if not hasattr(np, "in1d"):  # which NumPy 2.4 took away
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


def cityscapes_tally(drawn):
    tally = Tally(CLASSES)
    for ids, instance, predicted in drawn:
        tally.add(TRAIN_IDS[ids], cityscapes_prediction(predicted), instance)
    return tally


PARTS = {
    "iou": "classScores", "iiou": "classInstScores",
    "category_iou": "categoryScores", "category_iiou": "categoryInstScores",
}  # fmt: skip
MEANS = {
    "miou": "averageScoreClasses", "iiou_mean": "averageScoreInstClasses",
    "category_miou": "averageScoreCategories", "category_iiou_mean": "averageScoreInstCategories",
}  # fmt: skip


def check_agreement(results, wanted):
    """All of the official figures; what is NaN there is None here, or no entry."""
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
    assert "iIoU: left out, the records hold no instances" in table(results)


def test_perfect_predictions_give_one():
    ids, instance, _ = draw(np.random.default_rng(0))
    truth = TRAIN_IDS[ids]
    tally = Tally(CLASSES)
    assert tally.add(truth, truth, instance, np.ones(truth.shape, np.float32)) == 1
    results = tally.results()
    assert results.pop("ece") == 0
    results.pop("calibration")
    values = [value for value in flat(results).values() if value is not None]
    assert values == pytest.approx([1] * len(values))
    assert results["bf"]["road"] == 1


def test_frames_of_void_alone_hold_nothing():
    void = np.full((9, 12), VOID, np.uint8)
    tally = Tally(CLASSES)
    seen = tally.add(void, np.zeros_like(void), void.astype(np.uint16), void / np.float32(255))
    assert np.isnan(seen)
    values = {key: v for key, v in flat(tally.results()).items() if v is not None}
    assert set(values) <= {f"calibration/{n}/share/" for n in range(15)}
    assert "–" in table(tally.results())


def test_before_the_first_frame_there_are_no_figures():
    assert set(flat(Tally(NAMES).results()).values()) == {None}


def test_results_are_plain_json():
    results = cityscapes_tally([draw(np.random.default_rng(0))]).results()
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_truth_beyond_the_classes_is_refused():
    frame = np.array([[0, 1, 9]], np.uint8)
    with pytest.raises(UserError, match="label 9 among the truth; wanted 0 to 2 or 255"):
        Tally(NAMES).add(frame, frame)


def test_table_has_a_column_for_every_figure_that_was_counted():
    lines = table(cityscapes_tally([draw(np.random.default_rng(0))]).results()).splitlines()
    assert lines[0].split() == ["class", "IoU", "iIoU", "Boundary", "IoU", "BF"]
    assert lines[1].split()[0] == "road"
    assert lines[1].split()[2] == "–"
    assert not any("left out" in line for line in lines)
    lines = table(tallied(frames()).results()).splitlines()
    assert lines[0].split() == ["class", "IoU", "Boundary", "IoU", "BF"]
    assert lines[-1] == "iIoU: left out, the records hold no instances"


def test_elab_calls_them_otherwise():
    results = tallied(frames()).results()
    assert elab_names(results) == {"IoU": results["class_accuracy"], "iIoU": results["miou"]}
