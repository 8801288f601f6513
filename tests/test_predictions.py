"""`test` of masks in a folder, an export and label ids, without a network."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from helpers.figures import TRAIN_IDS, flat
from helpers.page import Page, percent
from helpers.raw import Raw
from helpers.raw_driving import cityscapes_fine
from helpers.refusals import refused
from helpers.small import few_streets
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.datasets import get_dataset
from tfseg.evaluation.figures import Tally, cityscapes_prediction
from tfseg.evaluation.instances import CLASSES
from tfseg.records.convert import convert
from tfseg.records.example import decode, decode_about


def frames(records, split="val"):
    """{id: (image, label)} of a split."""
    split = tfseg.open_records(records).splits[split]
    found = {}
    for index in range(len(split)):
        example = split.read(index)
        arrays = decode(example, split.info.encoding)
        found[decode_about(example)[0]] = tuple(array.numpy() for array in arrays)
    return found


@pytest.fixture(scope="module")
def masks(tested, records, tmp_path_factory):
    """The masks that `predict` writes for the frames of val, named by their ids."""
    folder = tmp_path_factory.mktemp("masks")
    for name, (image, _) in frames(records).items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "in" / f"{name}.png")
    main(
        [
            "predict", f"--run={tested[0]}", f"--input={folder / 'in'}", "--gpu=-1",
            f"--output={folder / 'out'}", "--save=mask,overlay,uncertainty",
        ]
    )  # fmt: skip
    return folder / "out"


def without_confidence(figures):
    return {key: v for key, v in figures.items() if key not in ("ece", "calibration")}


def test_masks_in_a_folder_have_the_figures_of_their_network(tested, records, masks, tmp_path):
    flags = [f"--output={tmp_path}", f"--html={tmp_path / 'report.html'}", "--batch_size=2"]
    main(["test", f"--predictions={masks}", f"--input={records}", *flags])
    figures = json.loads((tmp_path / "test-val.json").read_text())
    assert figures == without_confidence(tested[1])
    assert f"{percent(figures['miou'])} % mIoU" in Page(tmp_path / "report.html").text
    assert "Calibration" not in Page(tmp_path / "report.html").text


def test_an_export_has_the_figures_of_its_network(tested, records, tmp_path):
    export = tmp_path / "export" / "1"
    main(["export", f"--run={tested[0]}", f"--output={export}"])
    flags = [f"--output={tmp_path}", f"--html={tmp_path / 'report.html'}"]
    main(["test", f"--export={export}", f"--input={records}", "--gpu=-1", *flags])
    figures = json.loads((tmp_path / "test-val.json").read_text())
    # Folded batch normalisation computes in another order, which may change a pixel.
    wanted = pytest.approx(flat(without_confidence(tested[1])), abs=2e-3)
    assert flat(without_confidence(figures)) == wanted


def test_elab_names_come_with_a_warning(tested, records, masks, tmp_path, capsys):
    argv = ["test", f"--predictions={masks}", f"--input={records}", f"--output={tmp_path}"]
    main([*argv, "--elab_names"])
    figures = tested[1]
    line = f"IoU {percent(figures['class_accuracy'])}, iIoU {percent(figures['miou'])} (warning: "
    assert line in capsys.readouterr().out


def rgb(mask):
    return np.stack([mask] * 3, axis=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "has no {name}.png"),
        (
            lambda mask: mask[:-1],
            "is uint8 of shape (47, 64); wanted class indices, uint8 (48, 64)",
        ),
        (rgb, "is uint8 of shape (48, 64, 3); wanted class indices, uint8 (48, 64)"),
        (lambda mask: mask.astype(np.uint16) * 300, "of shape (48, 64); wanted class indices"),
        (lambda mask: b"hello", "is damaged or not an image"),
    ],
    ids=["missing", "small", "RGB", "16 bits", "damaged"],
)
def test_masks_that_cannot_be_scored(change, message, records, masks, tmp_path, capsys):
    folder = shutil.copytree(masks, tmp_path / "masks")
    name = list(frames(records))[1]
    path = folder / f"{name}.png"
    mask = np.asarray(Image.open(path))
    path.unlink()
    if change:
        changed = change(mask)
        if isinstance(changed, bytes):
            path.write_bytes(changed)
        else:
            Image.fromarray(changed).save(path)
    argv = ["test", f"--predictions={folder}", f"--input={records}", f"--output={tmp_path}"]
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message.format(name=name) in error
    assert not (tmp_path / "test-val.json").exists()


def test_one_mask_serves_one_frame(records, masks, tmp_path, capsys):
    """A frame with the same name in another folder, without a mask, does not get this one."""

    def drives(source, report):
        every = few_streets().frames(source, report)["val"]
        for drive, frame in zip("abb", every, strict=True):
            object.__setattr__(frame, "id", f"{drive}/{frame.id if drive == 'b' else every[1].id}")
        return {"val": every}

    convert(dataclasses.replace(few_streets(), frames=drives), None, tmp_path, size=(48, 64))
    folder = tmp_path / "masks" / "b"
    shutil.copytree(masks, folder)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["test", f"--predictions={folder.parent}", f"--input={tmp_path}"])
    assert "fits both a/" in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture(scope="module")
def cityscapes(tmp_path_factory):
    """(records in Cityscapes' layout, {id: predicted labelIds})."""
    folder = tmp_path_factory.mktemp("cityscapes")
    raw = Raw(folder / "raw")
    raw.folder.mkdir()
    cityscapes_fine(raw)
    convert(get_dataset("cityscapes", raw.folder), raw.folder, folder / "records", workers=1)
    predicted = {}
    for path in sorted((raw.folder / "gtFine" / "val").rglob("*_labelIds.png")):
        ids = np.array(Image.open(path))
        ids[2:4, :5] = (29, 7, 26, 24, 3)
        predicted[path.name.removesuffix("_gtFine_labelIds.png")] = ids
    return folder / "records", predicted


def test_label_ids_as_cityscapes_server_takes_them(cityscapes, tmp_path, capsys):
    records, predicted = cityscapes
    split = tfseg.open_records(records).splits["val"]
    tally = Tally(CLASSES)
    for index in range(len(split)):
        name, instance = decode_about(split.read(index))
        label = decode(split.read(index), split.info.encoding)[1].numpy()
        tally.add(label, cityscapes_prediction(predicted[name]), instance)
        Image.fromarray(predicted[name]).save(tmp_path / f"{name}_leftImg8bit.png")
    flags = [
        f"--input={records}",
        "--gpu=-1",
        f"--predictions={tmp_path}",
        f"--output={tmp_path / 'out'}",
    ]
    main(["test", "--label_ids", *flags])
    figures = json.loads((tmp_path / "out" / "test-val.json").read_text())
    assert figures == tally.results()
    assert "iiou" in figures
    assert 0 < figures["miou"] < 1
    for name, ids in predicted.items():  # the same in train ids, except caravan and trailer
        Image.fromarray(TRAIN_IDS[ids]).save(tmp_path / f"{name}_leftImg8bit.png")
    main(["test", *flags])
    again = json.loads((tmp_path / "out" / "test-val.json").read_text())
    assert again["iou"] == figures["iou"]


def test_a_frame_that_fits_several_files_has_none(cityscapes, tmp_path, capsys):
    records, predicted = cityscapes
    for name, ids in predicted.items():
        for end in ("color", "labelIds"):
            Image.fromarray(ids).save(tmp_path / f"{name}_{end}.png")
    with pytest.raises(SystemExit):
        main(["test", "--label_ids", f"--input={records}", f"--predictions={tmp_path}"])
    assert f"has no {next(iter(predicted))}.png" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--predictions=MASKS"], "--predictions needs --input=RECORDS"),
        (["--predictions=/nowhere", "--input=RECORDS"], "--predictions=/nowhere is not a folder"),
        (["--export=MASKS", "--input=RECORDS"], "is not an exported network"),
        (["--run=x", "--export=MASKS"], "cannot combine --run with --export"),
        (["--predictions=MASKS", "--input=RECORDS", "--label_ids"], "for Cityscapes' 19 classes"),
        (["--predictions=MASKS", "--input=RECORDS", "--flip"], "--flip is for networks; leave it"),
        (["--export=MASKS", "--input=RECORDS", "--tile=64"], "--tile is for networks; leave it"),
        (["--run=x", "--label_ids"], "--label_ids needs --predictions=FOLDER"),
    ],
)
def test_mistakes_end_in_one_line(flags, message, records, masks, capsys):
    places = {"=MASKS": f"={masks}", "=RECORDS": f"={records}"}
    for name, path in places.items():
        flags = [word.replace(name, path) if word.endswith(name) else word for word in flags]
    assert message in refused(capsys, "test", "--gpu=-1", *flags)
