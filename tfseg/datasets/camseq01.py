"""CamSeq01 (Fauqueur, Brostow, Cipolla 2007): 101 frames in one folder, in CamVid's 32 colours.

They are also the frames of CamVid's val split: never train on one and test on the other.
"""

from functools import partial

from tfseg.datasets import camvid
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec

MARKS = ("0016E5_?????_L.png",)
WHERE = "CamSeq01 is at the University of Cambridge's CamVid page; unpack it into one folder"


def spec(classes=11, mapping="segnet"):
    colors, table = camvid.class_table(classes, mapping)
    name = "camseq01" + ("_elab" if mapping == "elab" else "")
    return DatasetSpec(
        name=name if classes == 11 else f"{name}_{classes}",
        title=f"CamSeq01: 101 frames of CamVid's val split, {classes} classes",
        classes=tuple(colors),
        colors=tuple(colors.values()),
        frames=partial(_frames, coding=camvid.original_colors(table)),
        where=WHERE,
    )


def _frames(source, report, coding):
    if not any(source.glob("*_L.png")):
        raise not_here(source, "CamSeq01", f"0016E5_NNNNN.png and 0016E5_NNNNN_L.png; {WHERE}")
    frames = pair_folders(source, source, coding, report, image_not="_L", label_end="_L")
    return {"train": frames}
