"""All metrics of evaluation, compared with slow definitions."""

import json

import numpy as np
import pytest
from helpers.figures import (
    NAMES,
    VOID,
    blobs,
    cityscapes_tally,
    disturbed,
    draw,
    flat,
    frames,
    tallied,
)

from tfseg.errors import UserError
from tfseg.evaluation import boundary
from tfseg.evaluation.figures import Tally, elab_names, table
from tfseg.evaluation.instances import CLASSES
from tfseg.metrics import scores


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
        own = tally.add(*pair)["miou"]
        assert own == pytest.approx(tallied([pair]).results()["miou"], abs=1e-15)


def windows(mask, reach, outside):
    """Every pixel's window of `reach` pixels to each side, (H, W, windows)."""
    padded = np.pad(mask, reach, constant_values=outside)
    shape = (2 * reach + 1,) * 2
    return np.lib.stride_tricks.sliding_window_view(padded, shape).reshape(*mask.shape, -1)


def pairs_without_void(pairs):
    for truth, prediction in pairs:
        yield truth, np.where(truth == VOID, VOID, prediction)


def slow_boundary_iou(pairs, classes):
    """Boundary IoU by class, computed mask by mask as in the paper."""
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
    """Positions (N, 2) of the class's pixels that touch another label inside the image."""
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
    """Frames with a rim of 5 pixels and a tolerance of 2 pixels for outlines."""
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
def test_bf_of_images_so_large_that_many_pixels_are_in_reach(share, monkeypatch):
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


def test_frames_of_void_alone_hold_nothing():
    void = np.full((9, 12), VOID, np.uint8)
    tally = Tally(CLASSES)
    seen = tally.add(void, np.zeros_like(void), void.astype(np.uint16), void / np.float32(255))
    assert np.isnan([seen["miou"], seen["pixel_accuracy"]]).all()
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
    with pytest.raises(UserError, match="label 9 is invalid; wanted 0 to 2 or 255"):
        Tally(NAMES).add(frame, frame)


def test_table_has_a_column_for_every_figure_that_was_counted():
    lines = table(cityscapes_tally([draw(np.random.default_rng(0))]).results()).splitlines()
    assert lines[0].split() == ["class", "IoU", "iIoU", "Boundary", "IoU", "BF"]
    assert lines[1].split()[0] == "road"
    assert lines[1].split()[2] == "–"
    assert not any("not computed" in line for line in lines)
    lines = table(tallied(frames()).results()).splitlines()
    assert lines[0].split() == ["class", "IoU", "Boundary", "IoU", "BF"]
    assert lines[-1] == "iIoU: not computed, the records hold no instances"


def test_elab_uses_other_names():
    results = tallied(frames()).results()
    assert elab_names(results) == {"IoU": results["class_accuracy"], "iIoU": results["miou"]}
