"""Pairs of images and masks in a user's folder, and messages about unpaired files."""

import pytest
from helpers.folders import draw

from tfseg.datasets import get_dataset, recognise
from tfseg.datasets.spec import refuse
from tfseg.errors import UserError
from tfseg.records.reader import open_records


def frames(folder, report=refuse):
    """{split: [(id, image, mask)]} of a folder, with relative paths."""
    listed = get_dataset("folder", folder).list_frames(folder, report)
    return {
        split: [
            (f.id, str(f.image.relative_to(folder)), str(f.label.relative_to(folder))) for f in some
        ]
        for split, some in listed.items()
    }


SPLIT_PAIRS = {  # layout: (image, mask); {} is the split's name
    "images, annotations": ("images/{}/a.png", "annotations/{}/a.png"),
    "images, labels": ("images/{}/a.png", "labels/{}/a.png"),
    "inside the split": ("{}/images/a.jpg", "{}/masks/a.png"),
    "labels inside the split": ("{}/images/a.jpg", "{}/labels/a.png"),
    "train_images": ("{}_images/a.jpg", "{}_masks/a.png"),
    "train_labels": ("{}_images/a.jpg", "{}_labels/a.png"),
    "images beside": ("{}/a.jpg", "{}_masks/a_mask.gif"),
    "trainannot": ("{}/a.png", "{}annot/a.png"),
    "the role first": ("images_{}/a.jpg", "masks_{}/a.png"),
    "side by side": ("{}/a.jpg", "{}/a_mask.png"),
}


@pytest.mark.parametrize("layout", SPLIT_PAIRS)
@pytest.mark.parametrize(
    "words", [("train", "val"), ("Train", "Valid"), ("training", "validation"), ("TRAIN", "VAL")]
)
def test_layouts_with_splits(tmp_path, layout, words):
    names = [place.format(word) for word in words for place in SPLIT_PAIRS[layout]]
    folder = draw(tmp_path / "x", names)
    image, mask = SPLIT_PAIRS[layout]
    assert frames(folder) == {
        split: [("a", image.format(word), mask.format(word))]
        for split, word in zip(("train", "val"), words, strict=True)
    }


@pytest.mark.parametrize(
    ("image", "mask"),
    [("Images/a.PNG", "Masks/A.png"), ("imgs/a.jpg", "gt/a.png"), ("a.jpg", "a-mask.png")],
)
def test_layouts_without_splits(tmp_path, image, mask):
    assert frames(draw(tmp_path / "x", [image, mask])) == {"train": [("a", image, mask)]}


@pytest.mark.parametrize(
    "about",
    ["{}_mask", "{}_label", "{}_labels", "{}_labelIds", "{}_gtFine_labelIds", "{}_segmentation",
     "{}_seg", "{}-mask", "mask_{}", "{}_L", "{}_MASK"],
)  # fmt: skip
def test_names_about_the_stem(tmp_path, about):
    mask = f"masks/{about.format('b')}.png"
    assert frames(draw(tmp_path / "x", ["images/b.png", mask])) == {
        "train": [("b", "images/b.png", mask)]
    }


def test_an_image_called_like_a_mask_keeps_its_own(tmp_path):
    names = ["images/b.png", "images/b_L.png", "masks/b.png", "masks/b_L.png"]
    assert [entry[0] for entry in frames(draw(tmp_path / "x", names))["train"]] == ["b", "b_L"]


def test_cityscapes_names(tmp_path):
    names = ["leftImg8bit/ulm/u_1_leftImg8bit.png", "gtFine/ulm/u_1_gtFine_labelIds.png"]
    (frame,) = frames(draw(tmp_path / "x", names))["train"]
    assert frame == ("ulm/u_1_leftImg8bit", *names)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/train/{}/1.png", "masks/train/{}/1.png"),
        ("train/images/{}/1.png", "train/masks/{}/1_mask.png"),
        ("{}/images/1.png", "{}/masks/1.png"),
        ("train/{}/1.jpg", "train_masks/{}/1.png"),
    ],
)
def test_cities_and_sequences_stay_in_the_names(tmp_path, image, mask):
    folder = draw(tmp_path / "x", [p.format(c) for p in (image, mask) for c in ("ulm", "bonn")])
    assert frames(folder)["train"] == [
        (f"{city}/1", image.format(city), mask.format(city)) for city in ("bonn", "ulm")
    ]


def test_two_folders_of_masks_are_asked_about(tmp_path):
    folder = draw(tmp_path / "x", ["images/a.png", "masks/a.png", "labels/a.png"])
    wanted = r'the masks may be in .*labels and .*masks; .*"labels" or mask_folder = "masks" in'
    with pytest.raises(UserError, match=wanted):
        frames(folder)
    (folder / "dataset.toml").write_text('mask_folder = "masks"\n')
    assert frames(folder, lambda *said, **kind: None)["train"][0][2] == "masks/a.png"
    (folder / "dataset.toml").write_text('mask_folder = "labels"\n')
    assert frames(folder, lambda *said, **kind: None)["train"][0][2] == "labels/a.png"


def test_folders_of_other_names_are_given_by_settings(tmp_path):
    folder = draw(tmp_path / "x", ["fotos/a.png", "truth/a.png"])
    with pytest.raises(
        UserError, match=r"there are fotos \(1 .png, e.g. a.png\), truth .*missing:"
    ):
        frames(folder)
    (folder / "dataset.toml").write_text('mask_folder = "truth"\nimage_folder = "fotos"\n')
    assert frames(folder) == {"train": [("a", "fotos/a.png", "truth/a.png")]}


def test_two_masks_of_an_image_are_asked_about(tmp_path):
    names = ["images/a.png", "masks/a_gtFine_labelIds.png", "masks/a_gtFine_color.png"]
    folder = draw(tmp_path / "x", names)
    with pytest.raises(UserError, match=r'a.png has 2 masks: .*mask_name = "{}_gtFine_labelIds"'):
        frames(folder)
    (folder / "dataset.toml").write_text('mask_name = "{}_gtFine_labelIds"\n')
    assert frames(folder)["train"][0][2] == names[1]


def test_what_is_left_out_is_said(tmp_path, capsys):
    names = ["images/train/a.png", "labels/train/a.png", "images/test/t.png"]
    folder = draw(
        tmp_path / "x", [*names, "images/extra/b.png", "labels/extra/b.png", "more/c.png"]
    )
    assert list(frames(folder)) == ["train"]
    said = capsys.readouterr().out
    for place in ("images/extra is not used (1", "labels/extra is", "more is", "test has no masks"):
        assert place in said


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (
            ["images/a.png", "images/b.png", "masks/a.png"],
            r"images/b.png has no partner in .*masks",
        ),
        (["images/a.png", "masks/c.png"], r"images/a.png has no partner in .*masks; add it or"),
        (
            ["images/train/a.png", "masks/train/a.png", "images/val/b.png"],
            r"the masks of .*images/val are missing",
        ),
        (["masks/a.png"], r"masks has masks, but no folder of images matches it"),
        (["images/a.png", "images/a.jpg", "masks/a.png"], r"have the same stem; keep one of them"),
    ],
)
def test_unpaired_files_are_named(tmp_path, names, wanted):
    with pytest.raises(UserError, match=wanted):
        frames(draw(tmp_path / "x", names))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (
            ["pics/a.jpg", "gts/a.png"],
            r"holds no records .*there are gts \(1 .png, e.g. a.png\), p",
        ),
        (
            ["images/a.jpg"],
            r"nearest layout: images \+ masks; missing: a folder of masks, the table",
        ),
        (
            ["images/a.jpg", "masks/a.png"],
            r"missing: the table \(.*, which inspect input=.*draft=.*/classes.csv drafts",
        ),
        (
            ["train/a.jpg"],
            r"nearest layout: train/images \+ train/masks .*: a folder of masks, the",
        ),
    ],
)
def test_a_folder_that_is_not_understood_is_described(tmp_path, names, wanted):
    folder = draw(tmp_path / "x", names, table=None)
    with pytest.raises(UserError, match=wanted) as refused:
        open_records(folder)
    assert "\n" not in str(refused.value)
    assert f"output={folder}" not in str(refused.value)  # it would write into the folder


def test_a_table_marks_a_users_folder_despite_names_of_another_data_set(tmp_path):
    names = ["images/00001.png", "labels/00001.png"]  # GTA5's names
    assert recognise(draw(tmp_path / "x", names)) == ["folder"]
    assert recognise(draw(tmp_path / "y", names, table=None)) == ["gta5"]
