"""The confusion matrix and its metrics, alone and inside Keras' fit."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg.metrics import ConfusionMatrix, confusion_matrix, scores


def reference_matrix(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), np.int64)
    for truth, prediction in zip(labels.flat, predictions.flat, strict=True):
        if truth != 255:
            matrix[truth, prediction] += 1
    return matrix


@pytest.fixture
def frames():
    """Labels (6, 7, 5) with void, and logits (6, 7, 5, 3)."""
    rng = np.random.default_rng(3)
    labels = rng.choice([0, 1, 2, 255], (6, 7, 5)).astype(np.uint8)
    return labels, rng.standard_normal((6, 7, 5, 3)).astype(np.float32)


def test_rows_are_truth_and_columns_prediction():
    labels = np.array([[0, 0, 1, 255]], np.uint8)
    predictions = np.array([[0, 1, 1, 2]], np.uint8)
    matrix = np.asarray(confusion_matrix(labels, predictions, 3))
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert np.issubdtype(matrix.dtype, np.integer)


def test_agrees_with_counting_one_by_one(frames):
    labels, logits = frames
    predictions = logits.argmax(-1)
    matrix = confusion_matrix(labels, predictions, 3)
    np.testing.assert_array_equal(matrix, reference_matrix(labels, predictions, 3))


def test_another_void_label(frames):
    labels, logits = frames
    predictions = logits.argmax(-1)
    renamed = np.where(labels == 255, 0, labels + 1)
    matrix = np.asarray(confusion_matrix(renamed, predictions + 1, 4, ignore=0))
    np.testing.assert_array_equal(matrix[1:, 1:], reference_matrix(labels, predictions, 3))
    assert not matrix[0].any()


def test_figures_by_hand():
    figures = scores([[3, 1, 0], [2, 4, 0], [0, 0, 0]])  # the third class never occurs
    np.testing.assert_allclose(figures["iou"], [3 / 6, 4 / 7, np.nan])
    assert figures["miou"] == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert figures["pixel_accuracy"] == pytest.approx(7 / 10)
    assert figures["class_accuracy"] == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert figures["fw_iou"] == pytest.approx(0.4 * 3 / 6 + 0.6 * 4 / 7)


def test_a_class_predicted_but_never_true_counts_as_a_miss():
    figures = scores([[3, 1], [0, 0]])
    np.testing.assert_allclose(figures["iou"], [3 / 4, 0])
    assert figures["miou"] == pytest.approx(3 / 8)
    assert figures["class_accuracy"] == pytest.approx(3 / 4)  # no truth, so no recall


def test_nothing_counted_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = scores(np.zeros((3, 3), np.int64))
    assert np.isnan(figures["iou"]).all()
    assert all(np.isnan(figures[key]) for key in figures.keys() - {"iou"})


@pytest.mark.parametrize("batch_size", [1, 2, 4, 6])
def test_the_figures_do_not_depend_on_the_batch_size(frames, batch_size):
    labels, logits = frames
    metric = ConfusionMatrix(3)
    for start in range(0, len(labels), batch_size):
        metric.update_state(labels[start : start + batch_size], logits[start : start + batch_size])
    expected = reference_matrix(labels, logits.argmax(-1), 3)
    np.testing.assert_array_equal(metric.matrix(), expected)
    assert metric.matrix().dtype == np.int64
    result = metric.result()
    assert float(result["miou"]) == pytest.approx(scores(expected)["miou"], rel=1e-6)
    assert float(result["pixel_accuracy"]) == pytest.approx(
        scores(expected)["pixel_accuracy"], rel=1e-6
    )


def test_every_pixel_counts_past_what_float32_can_hold():
    metric = ConfusionMatrix(2)
    metric.counts.assign([[2**24, 0], [0, 2**33]])
    metric.update_state(np.array([[[0, 1]]], np.uint8), np.array([[[[1.0, 0], [0, 1]]]]))
    assert metric.matrix().tolist() == [[2**24 + 1, 0], [0, 2**33 + 1]]


def test_an_all_void_batch_counts_nothing():
    metric = ConfusionMatrix(3)
    metric.update_state(np.full((1, 4, 4), 255, np.uint8), np.zeros((1, 4, 4, 3), np.float32))
    assert not metric.matrix().any()
    assert float(metric.result()["miou"]) == 0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_logs_it_under_plain_names(frames, jit_compile):
    """Also compiled by XLA, which Keras does by default on a GPU."""
    labels, logits = frames
    metric = ConfusionMatrix(3)
    model = keras.Sequential([keras.Input((7, 5, 3)), keras.layers.Identity()])
    model.compile(
        loss=lambda y, x: 0.0 * tf.reduce_sum(x), metrics=[metric], jit_compile=jit_compile
    )
    data = tf.data.Dataset.from_tensor_slices((logits, labels)).batch(2)
    history = model.fit(data, validation_data=data.take(1), verbose=0).history
    whole = scores(reference_matrix(labels, logits.argmax(-1), 3))
    first = scores(reference_matrix(labels[:2], logits[:2].argmax(-1), 3))
    for key in ("miou", "pixel_accuracy"):
        assert history[key][-1] == pytest.approx(whole[key], rel=1e-6)
        assert history[f"val_{key}"][-1] == pytest.approx(first[key], rel=1e-6)
    assert metric.matrix().sum() == (labels[:2] != 255).sum()  # reset between train and val


def test_survives_serialisation():
    metric = ConfusionMatrix(5, ignore=4)
    copy = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (copy.num_classes, copy.ignore, copy.name) == (5, 4, "confusion")
