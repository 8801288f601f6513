"""Conversions are complete or leave nothing, and name faults in the raw data."""

import dataclasses
import errno
import os
import shutil
import subprocess

import numpy as np
import pytest
from helpers.records import digest, first, write_label
from helpers.small import few_streets

from tfseg.datasets import camvid, get_dataset
from tfseg.errors import UserError
from tfseg.records.convert import convert
from tfseg.records.reader import open_records

BAD = {
    "empty folder": (
        lambda raw: [shutil.rmtree(raw), raw.mkdir()],
        r"is not CamVid: it should hold train/NAME.png",
    ),
    "a label is missing": (
        lambda raw: first(raw, "trainannot").unlink(),
        r"train/street-000.png has no partner in .*trainannot",
    ),
    "a picture is missing": (
        lambda raw: first(raw, "val").unlink(),
        r"valannot/street-064.png has no partner in .*val",
    ),
    "an empty split": (
        lambda raw: [f.unlink() for s in ("val", "valannot") for f in (raw / s).iterdir()],
        r"val holds no images",
    ),
    "a value outside": (
        lambda raw: write_label(raw, np.full((144, 192), 77, np.uint8)),
        r"street-000.png: label value 77 is not a class; allow_unknown",
    ),
    "another size": (
        lambda raw: write_label(raw, np.zeros((100, 192), np.uint8)),
        r"is 144x192 but .*trainannot/street-000.png is 100x192",
    ),
    "colours for indices": (
        lambda raw: write_label(raw, np.zeros((144, 192, 3), np.uint8)),
        r"street-000.png is RGB, not class indices",
    ),
    "a cut PNG": (
        lambda raw: first(raw, "train").write_bytes(first(raw, "train").read_bytes()[:-3000]),
        r"train/street-000.png is damaged",
    ),
    "a cut label": (
        lambda raw: first(raw, "trainannot").write_bytes(
            first(raw, "trainannot").read_bytes()[:-300]
        ),
        r"trainannot/street-000.png is damaged",
    ),
    "no picture": (
        lambda raw: first(raw, "train").write_bytes(b"hello"),
        r"train/street-000.png is damaged or not an image",
    ),
}


@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
@pytest.mark.parametrize("case", BAD)
def test_bad_raw_data_is_named_and_leaves_nothing(raw_camvid, tmp_path, case, format):
    spoil, message = BAD[case]
    spoil(raw_camvid)
    with pytest.raises(UserError, match=message) as refused:
        convert(camvid.spec(), raw_camvid, tmp_path / "out", format=format)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_finished_records_are_kept_unless_overwritten(raw_camvid, tmp_path, capsys):
    folder = convert(camvid.spec(), raw_camvid, tmp_path)
    before = digest(folder)
    convert(camvid.spec(), raw_camvid, tmp_path)
    assert "exists already" in capsys.readouterr().out
    assert digest(folder) == before
    with pytest.raises(UserError, match="holds another conversion; overwrite replaces it"):
        convert(camvid.spec(), raw_camvid, tmp_path, size=(72, 96))
    write_label(raw_camvid, np.full((144, 192), 77, np.uint8))
    with pytest.raises(UserError, match="label value 77"):
        convert(camvid.spec(), raw_camvid, tmp_path, overwrite=True)
    assert digest(folder) == before
    write_label(raw_camvid, np.full((144, 192), 3, np.uint8))
    convert(camvid.spec(), raw_camvid, tmp_path, overwrite=True)
    assert digest(folder) != before
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
@pytest.mark.parametrize("format", ["tfrecord", "lmdb"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, format):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(UserError, match=r"could not write .*; nothing was kept"):
            convert(get_dataset("streets"), None, disk, format=format)
        assert not [path for path in disk.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_unwritable_place_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=os.strerror(errno.ENOTDIR)):
        convert(few_streets(1, 1), None, tmp_path / "file")


def test_a_second_conversion_at_the_same_time_is_refused(tmp_path):
    base = few_streets(2, 1)
    refused = []

    def frames(source, report):
        every = base.frames(source, report)

        def image():  # drawn while the first conversion runs
            with pytest.raises(UserError, match="another process is writing") as error:
                convert(base, None, tmp_path)
            refused.append(error)
            return every["train"][1].image()

        second = dataclasses.replace(every["train"][1], image=image)
        return {**every, "train": [every["train"][0], second]}

    convert(dataclasses.replace(base, frames=frames), None, tmp_path)
    assert len(refused) == 1
    assert len(open_records(tmp_path).splits["train"]) == 2


def test_an_overwrite_killed_between_its_renames_loses_nothing(raw_camvid, tmp_path):
    folder = convert(camvid.spec(), raw_camvid, tmp_path)
    before = digest(folder)
    folder.rename(folder.with_name(".1.0.0.old"))
    write_label(raw_camvid, np.full((144, 192), 77, np.uint8))
    with pytest.raises(UserError, match="label value 77"):
        convert(camvid.spec(), raw_camvid, tmp_path)
    assert digest(folder) == before


@pytest.mark.parametrize("folder", ["train", "trainannot"])
def test_a_flipped_bit_is_refused(raw_camvid, tmp_path, folder):
    """In the header and at the end of a PNG, where Pillow accepts some."""
    path = first(raw_camvid, folder)
    data = path.read_bytes()
    for place in [*range(0, 33, 4), *range(len(data) - 20, len(data) - 12, 3)]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(UserError, match=f"{folder}/street-000.png is damaged"):
            convert(camvid.spec(), raw_camvid, tmp_path / "out")
