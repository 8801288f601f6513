"""Losses compared with plain NumPy, void pixels, and the published CamVid class weights."""

import numpy as np
import pytest
import tensorflow as tf

from tfseg.class_weights import class_weights
from tfseg.errors import UserError
from tfseg.losses import LOSSES, make_loss

CLASSES = 4
# CamVid's training split in the SegNet edition: pixels, and how many of 367 images have the class.
CAMVID = np.array(
    [
        (10682767, 366),  # sky
        (14750079, 365),  # building
        (623349, 366),  # pole
        (20076880, 367),  # road
        (2845085, 349),  # pavement
        (6166762, 319),  # tree
        (743859, 351),  # sign
        (714595, 173),  # fence
        (3719877, 360),  # car
        (405385, 317),  # pedestrian
        (184967, 201),  # bicyclist
    ]
)
CAMVID_VOID = 2503995


@pytest.fixture
def batch():
    rng = np.random.default_rng(7)
    labels = rng.choice([0, 1, 2, 255], (2, 9, 11)).astype(np.uint8)  # class 3 never occurs
    logits = 2 * rng.standard_normal((2, 9, 11, CLASSES)).astype(np.float32)
    return labels, logits


WEIGHTS = np.array([1, 0.5, 3, 7], np.float32)


def value_and_gradient(loss, labels, logits, **options):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(labels, logits, **options)
    return value.numpy(), tape.gradient(value, logits).numpy()


def valid_pixels(labels, logits):
    """Labels (N,) and probabilities (N, K), float64, of pixels that are not void."""
    valid = labels != 255
    scores = np.exp(logits[valid].astype(np.float64))
    return labels[valid], scores / scores.sum(-1, keepdims=True)


def reference_cross_entropy(labels, probabilities, weights, gamma=0.0):
    own = probabilities[np.arange(len(labels)), labels]
    return np.average((1 - own) ** gamma * -np.log(own), weights=weights[labels])


def reference_ohem(labels, probabilities, weights):
    own = probabilities[np.arange(len(labels)), labels]
    hard = own <= max(0.7, np.sort(own)[int(np.ceil(len(own) / 16)) - 1])
    return reference_cross_entropy(labels[hard], probabilities[hard], weights)


def reference_focal(labels, probabilities, weights):
    return reference_cross_entropy(labels, probabilities, weights, gamma=2.0)


def reference_dice(labels, probabilities, weights):
    present = np.unique(labels)
    losses = []
    for c in present:
        truth, guess = labels == c, probabilities[:, c]
        losses.append(1 - 2 * guess[truth].sum() / (truth.sum() + guess.sum()))
    return np.average(losses, weights=weights[present])


def reference_lovasz(labels, probabilities, weights):
    """Pixels become wrong one by one, worst first; each error weighs as much as Jaccard drops."""
    present = np.unique(labels)
    losses = []
    for c in present:
        errors = np.abs((labels == c) - probabilities[:, c])
        worst_first = np.argsort(-errors)
        wrong, jaccard, loss = np.zeros(len(labels), bool), 0.0, 0.0
        for pixel in worst_first:
            wrong[pixel] = True
            right = ((labels == c) & ~wrong).sum()
            union = ((labels == c) | wrong).sum()
            loss += errors[pixel] * ((1 - right / union) - jaccard)
            jaccard = 1 - right / union
        losses.append(loss)
    return np.average(losses, weights=weights[present])


REFERENCES = {
    "cross_entropy": reference_cross_entropy,
    "dice": reference_dice,
    "focal": reference_focal,
    "ohem": reference_ohem,
    "lovasz": reference_lovasz,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_agrees_with_the_definition_on_valid_pixels(name, weights, batch):
    labels, logits = batch
    expected = REFERENCES[name](
        *valid_pixels(labels, logits), np.ones(CLASSES) if weights is None else weights
    )
    value, _ = value_and_gradient(LOSSES[name], labels, logits, weights=weights)
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cross_entropy", np.log(4)),
        ("focal", 0.75**2 * np.log(4)),
        ("dice", 1 - 2 * 0.25 / (1 + 0.25)),
        ("lovasz", 0.75),
    ],
)
def test_one_pixel_by_hand(name, expected):
    logits = np.log([[[[1, 3]]]]).astype(np.float32)  # probabilities 1/4 and 3/4
    value = LOSSES[name](np.zeros((1, 1, 1), np.uint8), logits)
    assert float(value) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_void_pixels_change_nothing_and_get_no_gradient(name, batch):
    labels, logits = batch
    value, gradient = value_and_gradient(LOSSES[name], labels, logits)
    changed = np.where((labels == 255)[..., None], -50 * logits, logits)
    other, other_gradient = value_and_gradient(LOSSES[name], labels, changed)
    assert other == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(other_gradient, gradient, atol=1e-7)
    assert not gradient[labels == 255].any()
    if name != "ohem":  # easy pixels get none
        assert gradient[labels != 255].any(axis=-1).all()


def test_where_all_pixels_are_easy_the_hardest_sixteenth_counts(batch):
    labels, logits = batch
    sure = np.where(np.eye(CLASSES, dtype=bool)[np.where(labels == 255, 0, labels)], 6.0, 0.0)
    logits = (sure + 0.1 * logits).astype(np.float32)
    value, gradient = value_and_gradient(LOSSES["ohem"], labels, logits)
    expected = reference_ohem(*valid_pixels(labels, logits), np.ones(CLASSES))
    assert value == pytest.approx(expected, rel=0.02)
    counted = np.count_nonzero(gradient.any(axis=-1))
    assert counted == pytest.approx((labels != 255).sum() / 16, abs=2)


def test_label_smoothing_is_cross_entropy_with_soft_labels(batch):
    labels, logits = batch
    truth, probabilities = valid_pixels(labels, logits)
    soft = 0.9 * np.eye(CLASSES)[truth] + 0.1 / CLASSES
    expected = -(soft * np.log(probabilities)).sum(-1).mean()
    loss = make_loss("cross_entropy", smoothing=0.1)
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(UserError, match=r"label_smoothing=0.1 is for cross_entropy and ohem"):
        make_loss("dice", smoothing=0.1)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_an_all_void_batch_costs_exactly_nothing(name, weights, batch):
    labels = np.full_like(batch[0], 255)
    value, gradient = value_and_gradient(LOSSES[name], labels, batch[1], weights=weights)
    assert value == 0
    assert not gradient.any()  # also no NaN


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite(name, batch):
    labels, logits = batch
    value, gradient = value_and_gradient(LOSSES[name], labels, 1e4 * logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_are_summed_in_float32(name, batch):
    labels, logits = batch
    short = tf.cast(logits, "bfloat16")
    value = LOSSES[name](labels, short)
    assert value.dtype == tf.float32
    assert float(value) == float(LOSSES[name](labels, tf.cast(short, "float32")))


def test_compiles_to_the_same_under_xla(batch):
    labels, logits = batch
    loss = make_loss("cross_entropy+dice+focal+lovasz", weights=WEIGHTS)
    value, gradient = value_and_gradient(loss, labels, logits)

    @tf.function(jit_compile=True)
    def compiled(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits)
        return value, tape.gradient(value, logits)

    compiled_value, compiled_gradient = compiled(tf.constant(labels), tf.constant(logits))
    assert float(compiled_value) == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(compiled_gradient, gradient, atol=1e-6)


def test_another_void_label(batch):
    labels, logits = batch
    renamed = np.where(labels == 255, 3, labels)
    loss = make_loss("cross_entropy", ignore=3)
    assert float(loss(renamed, logits)) == float(make_loss("cross_entropy")(labels, logits))


def test_a_sum_of_losses(batch):
    both = make_loss("cross_entropy + 0.5*lovasz")(*batch)
    expected = LOSSES["cross_entropy"](*batch) + 0.5 * LOSSES["lovasz"](*batch)
    assert float(both) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dise", "unknown loss 'dise'; did you mean dice?"),
        ("cross_entropy+", "unknown loss ''; there are: cross_entropy, dice, focal, lovasz, ohem"),
        ("half*dice", "loss=half*dice: 'half' is not a factor above 0, like 0.5 in 0.5*dice"),
        ("nan*dice", "loss=nan*dice: 'nan' is not a factor above 0, like 0.5 in 0.5*dice"),
    ],
)
def test_a_wrong_loss_is_one_line(text, message):
    with pytest.raises(UserError) as error:
        make_loss(text)
    assert str(error.value) == message


def test_camvid_class_weights():
    pixels, images = CAMVID.T
    enet = class_weights(pixels, "enet", void=CAMVID_VOID)
    linknet = class_weights(pixels, "linknet")
    median = class_weights(pixels, "median", present=images * 360 * 480)
    assert enet.dtype == linknet.dtype == median.dtype == np.float32
    np.testing.assert_allclose(
        enet, [5.79, 4.44, 34.02, 3.45, 15.91, 9.02, 32.01, 32.48, 13.21, 38.39, 44.13], atol=0.005
    )
    np.testing.assert_allclose(
        linknet, [2.27, 1.78, 20.09, 1.42, 6.67, 3.53, 18.02, 18.48, 5.36, 25.38, 34.73], atol=0.005
    )
    np.testing.assert_allclose(
        median,
        [0.2793, 0.2017, 4.7865, 0.1490, 1, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747, 8.8587],
        atol=5e-5,
    )


def test_class_weights_of_a_class_without_pixels_are_finite():
    pixels, present = [300, 0, 100], [400, 0, 400]
    assert class_weights(pixels, "enet")[1] == pytest.approx(1 / np.log(1.02))
    assert class_weights(pixels, "linknet")[1] == pytest.approx(1 / np.log(1.02))
    np.testing.assert_allclose(
        class_weights(pixels, "median", present=present), [0.5 / 0.75, 0, 0.5 / 0.25]
    )


def test_an_unknown_weighting_is_one_line():
    with pytest.raises(UserError, match="unknown class weighting 'meadian'; did you mean median"):
        class_weights([1, 2], "meadian")
