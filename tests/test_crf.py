"""The fully connected CRF: compared with pydensecrf and the sum over all pairs; refusals."""

import dataclasses

import cv2
import numpy as np
import pytest
from helpers.small import CAMVID

from tfseg.errors import UserError
from tfseg.prediction.crf import CRF, Kernel, features, mean_field, tune
from tfseg.prediction.lattice import Lattice

SIZE = (60, 83)  # multiples of nothing relevant
STRONG = CRF(5, 3, 3, 80, 13, 10)  # as in pydensecrf's example


def scene(classes, size=SIZE):
    """(image of smooth spots, label by brightness)."""
    spots = np.random.default_rng(classes).integers(0, 256, (5, 7), np.uint8)
    grey = cv2.resize(spots, size[::-1], interpolation=cv2.INTER_CUBIC)
    label = (grey.astype(int) * classes // 256).astype(np.uint8)
    colors = np.random.default_rng(1).integers(0, 256, (classes, 3))
    return colors[label].astype(np.uint8), label


def guess(label, classes, sure=1.5, seed=0):
    """Noisy probabilities (H, W, K) that favour the label."""
    noise = np.random.default_rng(seed).normal(size=(*label.shape, classes))
    powers = np.exp(sure * np.eye(classes)[label] + noise)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def oracle(crf, image, probabilities):
    """The result of pydensecrf."""
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    utils = pytest.importorskip("pydensecrf.utils")
    height, width, classes = probabilities.shape
    kind = {
        "symmetric": densecrf.NORMALIZE_SYMMETRIC,
        "before": densecrf.NORMALIZE_BEFORE,
        "after": densecrf.NORMALIZE_AFTER,
        "none": densecrf.NO_NORMALIZATION,
    }[crf.normalization]
    gaussian, bilateral = (
        np.array(compat, np.float32) if np.ndim(compat) else compat
        for compat in (crf.gaussian_compat, crf.bilateral_compat)
    )
    model = densecrf.DenseCRF2D(width, height, classes)
    planes = np.ascontiguousarray(np.moveaxis(probabilities, -1, 0))
    model.setUnaryEnergy(utils.unary_from_softmax(planes))
    model.addPairwiseGaussian(sxy=crf.gaussian_sxy, compat=gaussian, normalization=kind)
    model.addPairwiseBilateral(
        sxy=crf.bilateral_sxy,
        srgb=crf.bilateral_srgb,
        rgbim=image,
        compat=bilateral,
        normalization=kind,
    )
    found = np.array(model.inference(crf.iterations))
    return np.moveaxis(found.reshape(classes, height, width), 0, -1)


def agrees(crf, image, probabilities):
    found, wanted = crf(image, probabilities), oracle(crf, image, probabilities)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.mean(found.argmax(axis=-1) == wanted.argmax(axis=-1)) >= 0.9995
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 11, 21])
def test_drawn_images_agree_with_pydensecrf(classes):
    image, label = scene(classes)
    agrees(STRONG, image, guess(label, classes))
    agrees(CRF(10, 2, 3, 49, 3, 4), image, guess(label, classes))


@pytest.mark.parametrize("normalization", ["symmetric", "before", "after", "none"])
@pytest.mark.parametrize("compat", ["number", "vector", "matrix"])
def test_normalizations_and_compatibilities_agree_with_pydensecrf(normalization, compat):
    image, label = scene(4)
    image = image // 4 * 4 + np.random.default_rng(2).integers(0, 9, image.shape, np.uint8)
    weight = 0.02 if normalization == "none" else 2.0
    value = {
        "number": weight,
        "vector": -weight * np.array([1, 2, 0.5, 1.5]),
        "matrix": weight * np.random.default_rng(3).normal(size=(4, 4)),
    }[compat]
    crf = CRF(4, (2, 3), value, (20, 30), 12, value, normalization)
    agrees(crf, image, guess(label, 4))


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (29, 1), (3, 5), (31, 33)])
@pytest.mark.parametrize("classes", [1, 3])
def test_tiny_and_flat_images_agree_with_pydensecrf(size, classes):
    label = np.zeros(size, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for image in (np.full((*size, 3), 255, np.uint8), np.zeros((*size, 3), np.uint8), noise):
        agrees(STRONG, image, guess(label, classes))


@pytest.mark.skipif(not CAMVID.is_dir(), reason="CamVid is not beside the checkout")
@pytest.mark.parametrize("classes", [2, 11, 21])
def test_real_frames_agree_with_pydensecrf(classes):
    path = sorted((CAMVID / "train").glob("*.png"))[classes]
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    label = cv2.imread(str(CAMVID / "trainannot" / path.name), cv2.IMREAD_GRAYSCALE) % classes
    agrees(STRONG, image, guess(label, classes))


@pytest.mark.parametrize("srgb", [None, 30.0])
def test_the_lattice_is_near_the_sum_over_all_pairs(srgb):
    image = scene(5, (14, 18))[0]
    position = features(image, 4, srgb)
    lattice = Lattice(position)
    values = guess(np.zeros((14, 18), int), 3).reshape(-1, 3)
    distance = np.square(position[:, None] - position).sum(axis=-1)
    kernel = np.exp(-distance / 2)
    exact = kernel @ values / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(lattice.filter(values) / lattice.total[:, None], exact, atol=0.06)


def test_mean_field_is_the_papers_update():
    """Compares three updates with the kernel as a dense matrix."""
    rng = np.random.default_rng(0)
    lattice = Lattice(rng.normal(size=(40, 3)))
    unary = rng.uniform(0, 3, (40, 4)).astype(np.float32)
    compat = rng.normal(size=(4, 4))
    dense = lattice.filter(np.eye(40, dtype=np.float32)) / lattice.total[:, None]

    def softmax(logits):
        powers = np.exp(logits)
        return powers / powers.sum(axis=1, keepdims=True)

    wanted = softmax(-unary)
    for _ in range(3):
        wanted = softmax(-unary - dense @ wanted @ (compat + compat.T) / 2)
    found = mean_field(unary, [Kernel(lattice, compat, "after")], iterations=3)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_no_iteration_and_no_kernel_change_nothing():
    image, label = scene(3)
    given = guess(label, 3)
    for crf in (CRF(iterations=0), CRF(gaussian_compat=0, bilateral_compat=0)):
        np.testing.assert_allclose(crf(image, given), given, atol=1e-5)


def test_a_number_is_the_vector_of_its_negative():
    image, label = scene(3)
    given = guess(label, 3)
    vector = dataclasses.replace(STRONG, gaussian_compat=(-3.0,) * 3, bilateral_compat=(-10.0,) * 3)
    np.testing.assert_allclose(STRONG(image, given), vector(image, given), atol=1e-5)


def test_certain_probabilities_stay_finite():
    image, label = scene(3)
    found = STRONG(image, np.eye(3)[label])
    assert np.isfinite(found).all()
    assert np.mean(found.argmax(axis=-1) == label) > 0.99


def noisy_frames(count=2):
    for seed in range(count):
        image, label = scene(3)
        truth = label.copy()
        truth[:, :4] = 255
        yield image, guess(label, 3, seed=seed), truth


def test_tuning_finds_better_parameters(capsys):
    grid = {"bilateral_srgb": (2, 200), "bilateral_compat": (0, 5), "iterations": (0, 3)}
    best = tune(noisy_frames(), grid, dataclasses.replace(STRONG, bilateral_sxy=20))
    assert (best.crf.bilateral_srgb, best.crf.bilateral_compat, best.crf.iterations) == (2, 5, 3)
    assert best.crf.bilateral_sxy == 20
    assert best.miou > best.plain + 0.2
    assert "CRF" in capsys.readouterr().err


def test_tuning_measures_what_the_crf_gives():
    (image, given, truth), *_ = noisy_frames()
    best = tune([(image, given, truth)], {"iterations": (2,)}, STRONG)
    found = best.crf(image, given).argmax(axis=-1)
    assert best.crf == dataclasses.replace(STRONG, iterations=2)
    valid = truth != 255
    overlaps = [
        np.sum(valid & (found == c) & (truth == c)) / np.sum(valid & ((found == c) | (truth == c)))
        for c in range(3)
    ]
    assert best.miou == pytest.approx(np.mean(overlaps), abs=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"iterations": -1}, "iterations=-1: give a whole number"),
        ({"iterations": 2.5}, "iterations=2.5"),
        ({"gaussian_sxy": 0}, "gaussian_sxy=0: give a standard deviation above 0"),
        ({"bilateral_sxy": (1, 2, 3)}, "bilateral_sxy=(1, 2, 3)"),
        ({"bilateral_srgb": "red"}, "bilateral_srgb='red'"),
        ({"normalization": "symetric"}, "did you mean symmetric?"),
        ({"bilateral_compat": (1, 2)}, "3×3 matrix for 3 classes"),
        ({"gaussian_compat": float("nan")}, "finite"),
        ({"bilateral_sxy": 1e-9}, "give a larger standard deviation"),
    ],
)
def test_wrong_parameters(options, words):
    image, label = scene(3)
    with pytest.raises(UserError) as error:
        CRF(**options)(image, guess(label, 3))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_arrays():
    image, label = scene(3)
    given = guess(label, 3)
    for wrong in (image.astype(float), image[..., :1], image[:0]):
        with pytest.raises(UserError, match="takes \\(H, W, 3\\) uint8"):
            CRF()(wrong, given)
    with pytest.raises(UserError, match="for an image of that size"):
        CRF()(image, given[1:])
    for wrong in (np.log(given), given * np.nan):
        with pytest.raises(UserError, match="apply softmax"):
            CRF()(image, wrong)
    with pytest.raises(UserError, match="features for 5 pixels"):
        mean_field(np.zeros((5, 2)), [Kernel(Lattice(np.zeros((4, 2))))])


def test_wrong_tuning():
    image, label = scene(3)
    with pytest.raises(UserError, match="did you mean bilateral_sxy"):
        tune([], {"bilateral_xy": (1,)})
    for frames in ([], [(image, guess(label, 3), np.full_like(label, 255))]):
        with pytest.raises(UserError, match="no labelled pixel"):
            tune(frames, {"iterations": (1,)})
    with pytest.raises(UserError, match="classes below 3 or 255"):
        tune([(image, guess(label, 3), label + 3)], {"iterations": (1,)})
