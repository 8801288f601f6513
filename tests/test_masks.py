"""Coding of masks: every depth and mode, indices or colours, soft edges."""

import cv2
import numpy as np
import pytest
from helpers.folders import BLACK_WHITE, THREE, draw, with_masks
from PIL import Image

from tfseg.datasets import get_dataset
from tfseg.doctor import inspect
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records.convert import convert
from tfseg.records.frames import read_label
from tfseg.records.reader import open_records
from tfseg.records.truth import check

RAW = np.array([[0, 1, 2, 2], [2, 1, 0, 0]], np.uint8)
COLORS = np.array([(0, 0, 0), (200, 30, 30), (0, 200, 0)], np.uint8)
VALUES = "name,r,g,b,value\nground,0,0,0,0\nobject,200,30,30,255\n"
SPOT = np.zeros((32, 32), np.uint8)
SPOT[8:20, 8:20] = 255


def labels(folder):
    frames = get_dataset("folder", folder).list_frames(folder)["train"]
    return [read_label(frame) for frame in frames]


def label(folder):
    return labels(folder)[0].index


def sixteen(values):
    return values.astype(np.uint16) * 257


def bilevel(values):
    return Image.fromarray(values * np.uint8(255)).convert("1")


def palette(values):
    picture = Image.fromarray(values)
    picture.putpalette(COLORS.reshape(-1).tolist())
    return picture


KINDS = {
    "16-bit indices": RAW.astype(np.uint16),
    "16-bit indices times 257": sixteen(RAW),
    "16-bit colours": sixteen(COLORS[RAW][..., ::-1]),
    "16-bit colours not scaled": COLORS[RAW][..., ::-1].astype(np.uint16),
    "three equal channels": np.repeat(RAW[..., None], 3, axis=2),
    "three equal channels of 16 bits": np.repeat(RAW[..., None], 3, axis=2).astype(np.uint16),
    "LA": Image.fromarray(RAW).convert("LA"),
    "palette": palette(RAW),
    "RGBA": Image.fromarray(COLORS[RAW]).convert("RGBA"),
    "gray": RAW,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mask(tmp_path, kind):
    np.testing.assert_array_equal(label(with_masks(tmp_path / "x", KINDS[kind], table=THREE)), RAW)


@pytest.mark.parametrize("table", [BLACK_WHITE, THREE, VALUES])
def test_one_bit(tmp_path, table):
    folder = with_masks(tmp_path / "x", bilevel(RAW % 2), table=table)
    np.testing.assert_array_equal(label(folder), RAW % 2)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_tiff_numbers(tmp_path, kind):
    folder = draw(
        tmp_path / "x", {"images/a.png": RAW, "masks/a.tif": RAW.astype(kind)}, table=THREE
    )
    np.testing.assert_array_equal(label(folder), RAW)


def clear(mode):
    picture = Image.fromarray(COLORS[RAW]).convert(mode)
    picture.putalpha(Image.fromarray(np.where(RAW == 0, 0, 255).astype(np.uint8)))
    return picture


@pytest.mark.parametrize(
    ("mask", "name", "wanted"),
    [
        (clear("RGB"), "a.png", r"alpha channel with 37.5% of its pixels transparent"),
        (clear("L"), "a.png", r"alpha channel with 37.5% of its pixels transparent"),
        (RAW.astype(np.uint16) * 300, "a.png", r"holds values to 600; class indices end at 255"),
        (RAW.astype(np.float32) / 2, "a.tif", r"holds fractions; class indices are whole"),
        (RAW.astype(np.int32) - 1, "a.tif", r"holds values from -1; class indices start at 0"),
        (Image.fromarray(RAW), "a.jpg", r"is a JPEG, which smears label values"),
        (Image.fromarray(COLORS[RAW]), "a.webp", r"is a lossy WebP, which smears label values"),
        (Image.fromarray(COLORS[RAW]).convert("CMYK"), "a.tif", r"is CMYK, not a mask: save it"),
    ],
)
def test_what_is_no_mask_is_named(tmp_path, mask, name, wanted):
    folder = draw(tmp_path / "x", {"images/a.png": RAW, f"masks/{name}": mask}, table=THREE)
    with pytest.raises(UserError, match=wanted):
        convert(get_dataset("folder", folder), folder, tmp_path / "out")
    assert not [path for path in tmp_path.glob("out/**/*") if path.is_file()]


@pytest.mark.parametrize("positives", [1, 30])
def test_few_masks_decide(tmp_path, positives):
    """Only one of many masks decides what 255 means; a sample of 16 would miss it."""
    spots = [SPOT if i == 7 or i < positives - 1 else 0 * SPOT for i in range(120)]
    found = labels(with_masks(tmp_path / "x", *spots))
    np.testing.assert_array_equal(found[7].index, SPOT // 255)


def test_black_and_white_classes_with_indices(tmp_path):
    masks = [0 * SPOT] * 40 + [SPOT // 255]
    found = labels(with_masks(tmp_path / "x", *masks))
    np.testing.assert_array_equal(found[40].index, SPOT // 255)
    ignored = np.where(SPOT, np.uint8(1), np.uint8(0))
    ignored[0] = VOID
    folder = with_masks(tmp_path / "y", ignored)
    np.testing.assert_array_equal(label(folder), ignored)


def test_what_does_not_decide_is_asked(tmp_path):
    table = "name,r,g,b\na,0,0,0\nb,2,2,2\nc,1,1,1\n"
    folder = with_masks(tmp_path / "x", RAW, table=table)
    with pytest.raises(UserError, match=r'masks = "indices" or masks = "colors" in dataset.toml'):
        label(folder)
    (folder / "dataset.toml").write_text('masks = "indices"\n')
    np.testing.assert_array_equal(label(folder), RAW)
    (folder / "dataset.toml").write_text('masks = "colors"\n')
    np.testing.assert_array_equal(label(folder), np.array([0, 2, 1], np.uint8)[RAW])


def larger(mask, how=cv2.INTER_LINEAR):
    return cv2.resize(mask, (100, 100), interpolation=how)


@pytest.mark.parametrize("table", [BLACK_WHITE, VALUES])
@pytest.mark.parametrize("how", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA])
def test_soft_edges_take_the_nearer_class(tmp_path, table, how, capsys):
    mask = larger(SPOT, how)
    folder = with_masks(tmp_path / "x", mask, table=table)
    (found,) = labels(folder)
    np.testing.assert_array_equal(found.index, mask > 127)
    assert found.unknown == 0
    assert found.soft == np.count_nonzero((mask > 0) & (mask < 255))
    convert(get_dataset("folder", folder), folder, tmp_path / "out")
    assert f"note: {found.soft} label pixels" in capsys.readouterr().out
    lines = [line.text for line in inspect((get_dataset("folder", folder), folder))]
    assert any(
        f"{found.soft} of the label pixels" in line and "soft edges" in line for line in lines
    )


def test_soft_edges_of_colours(tmp_path):
    mask = np.where(SPOT[..., None] > 0, COLORS[1], COLORS[0])
    mask[:, 26:] = COLORS[2]
    (found,) = labels(with_masks(tmp_path / "x", larger(mask), table=THREE))
    exact = (larger(mask)[:, :, None] == COLORS).all(axis=3)
    rows, columns = exact.any(axis=2).nonzero()
    assert (found.index[rows, columns] == exact.argmax(axis=2)[rows, columns]).all()
    assert found.unknown < 0.01 * found.index.size < found.soft


def test_a_class_that_the_table_lacks_is_no_soft_edge(tmp_path):
    mask = larger(SPOT)
    mask[70:90, 70:90] = 128
    (found,) = labels(with_masks(tmp_path / "x", mask))
    assert found.unknown >= 18 * 18
    assert (found.index[72:88, 72:88] == VOID).all()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)  # a photo
    (found,) = labels(with_masks(tmp_path / "y", SPOT, noise))[1:]
    assert found.soft == 0


def test_near_colours_never_merge(tmp_path):
    table = "name,r,g,b\na,10,10,10\nb,11,10,10\nc,200,0,0\n"
    near = np.array([(10, 10, 10), (11, 10, 10), (200, 0, 0)], np.uint8)
    np.testing.assert_array_equal(label(with_masks(tmp_path / "x", near[RAW], table=table)), RAW)


def test_void_splits_are_refused_and_missing_classes_said(tmp_path, capsys):
    draw(tmp_path / "x", {"images/train/a.png": RAW, "masks/train/a.png": RAW % 2}, table=THREE)
    folder = draw(
        tmp_path / "x",
        {"images/val/b.png": RAW, "masks/val/b.png": np.full_like(RAW, VOID)},
        table=THREE,
    )
    spec = get_dataset("folder", folder)
    with pytest.raises(UserError, match=r"every label of val is entirely void"):
        convert(spec, folder, tmp_path / "out")
    assert not [path for path in tmp_path.glob("out/**/*") if path.is_file()]
    records = open_records(folder)
    with pytest.raises(UserError, match=r"every label of val is entirely void"):
        check(records.splits["val"])
    assert "train has no pixel of sky" in check(records.splits["train"])[0]
    found = [finding.text for finding in inspect((spec, folder)) if finding.spoils]
    assert any(line.startswith("every label of val is entirely void") for line in found)
    draw(folder, {"masks/val/b.png": 0 * RAW}, table=THREE)
    convert(spec, folder, tmp_path / "out")
    said = capsys.readouterr().out
    assert "note: train has no pixel of sky: nothing to learn from" in said
    assert "note: every label of val is only soil" in said
