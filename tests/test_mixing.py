"""Mixing of frames, image and label together."""

import numpy as np
import pytest

from tfseg.data.mixing import class_region, mixed, mixup, rectangle


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("mix", ["cutmix", "copy_paste"])
def test_image_and_label_are_borrowed_together(mix):
    """Every pixel comes from the frame or the other one; both occur; inputs stay unchanged."""
    labels = (
        rng(1).integers(0, 4, (4, 20, 30), np.uint8)
        + 4 * np.arange(4, dtype=np.uint8)[:, None, None]
    )
    images = np.repeat(labels[..., None], 3, axis=3)
    kept = labels.copy()
    borrowed = 0
    for seed in range(20):
        new_images, new_labels = mixed(images, labels, mix, rng(seed))
        np.testing.assert_array_equal(new_images, np.repeat(new_labels[..., None], 3, axis=3))
        others = np.roll(labels, -1, axis=0)
        assert ((new_labels == labels) | (new_labels == others)).all()
        borrowed += (new_labels != labels).any(axis=(1, 2)).sum()
    np.testing.assert_array_equal(labels, kept)
    assert 25 < borrowed < 55  # of 80: half of them


def test_a_rectangle():
    shares = []
    for seed in range(200):
        region = rectangle((20, 30), rng(seed))
        rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
        assert region.sum() == len(rows) * len(columns)
        shares.append(region.mean())
    assert min(shares) < 0.05
    assert max(shares) > 0.6


def test_a_class_region_prefers_rare_classes():
    label = np.zeros((20, 20), np.uint8)
    label[:2, :2], label[5] = 7, 255
    taken = [class_region(label, rng(seed)) for seed in range(200)]
    rare = sum((region == (label == 7)).all() for region in taken)
    assert all((region == (label == 7)).all() or (region == (label == 0)).all() for region in taken)
    assert rare > 150  # 376 pixels against 4: the ratio of roots is 9.7
    assert not class_region(np.full((4, 4), 255, np.uint8), rng()).any()


def test_mixup_blends_images_and_draws_labels_with_the_same_share():
    frames = [
        (np.full((50, 50, 3), value, np.uint8), np.full((50, 50), value, np.uint8))
        for value in (0, 200)
    ]
    shares = []
    for seed in range(100):
        image, label = mixup(*frames, rng(seed))
        assert len(np.unique(image)) == 1
        shares.append(image[0, 0, 0] / 200)
        assert abs((label == 200).mean() - shares[-1]) < 0.05
        assert set(np.unique(label)) <= {0, 200}
    assert min(shares) < 0.01
    assert max(shares) > 0.99
    assert sum(0.1 < share < 0.9 for share in shares) > 20
