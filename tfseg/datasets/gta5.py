"""GTA5, Playing for Data (Richter et al. 2016): 24,966 rendered frames, Cityscapes' labels."""

from tfseg.datasets import cityscapes
from tfseg.datasets.coding import Values
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.datasets.tables import table_of
from tfseg.errors import UserError, require
from tfseg.images import image_size
from tfseg.labels import VOID

MARKS = ("images/00001.png",)
WHERE = (
    "fetch the ten pairs of zips (and split.mat) from the Playing for Data site and unpack them, "
    "so that images/00001.png and labels/00001.png lie in the folder"
)
LICENSE_PLATE = 34  # Cityscapes' ids end at 33


def confirm(source):
    """Whether the folder is GTA5: a user's own folder may have the same names, but has a table."""
    return table_of(source) is None


def spec():
    shown = cityscapes.spec()
    return DatasetSpec(
        name="gta5",
        title="GTA5, Playing for Data: rendered streets, Cityscapes' 19 classes",
        classes=shown.classes,
        colors=shown.colors,
        frames=_frames,
        where=WHERE,
    )


def _frames(source, report):
    if not (source / "images").is_dir() or not (source / "labels").is_dir():
        raise not_here(source, "GTA5", f"images and labels; {WHERE}")
    coding = Values((*cityscapes.label_ids(19).table, (LICENSE_PLATE, VOID)))
    frames = pair_folders(source / "images", source / "labels", coding, report)
    # Sixty of the published labels differ in size from their image.
    fitting = list(filter(_fits, frames))
    if dropped := len(frames) - len(fitting):
        report(f"skipped {dropped} frames whose label differs in size", spoils=False)
    return _split(source / "split.mat", fitting)


def _fits(frame):
    try:
        return image_size(frame.image) == image_size(frame.label)
    except UserError:
        return True  # reading the file raises the error later


def _split(path, frames):
    """Splits frames by the authors' lists of frame numbers, if any (list names from memory)."""
    if not path.is_file():
        return {"train": frames}
    require("GTA5's split.mat", "scipy", "crf")
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        lists = {split: set(content[f"{split}Ids"].ravel()) for split in ("train", "val", "test")}
    except Exception as error:  # damaged bytes can make its reader raise anything
        raise UserError(f"{path} is not GTA5's split.mat: {error}; remove it") from None
    if odd := [frame for frame in frames if not frame.id.isdecimal()]:
        raise UserError(
            f"{odd[0].image} is not named by a number, as split.mat requires; rename it"
        )
    return {split: [f for f in frames if int(f.id) in ids] for split, ids in lists.items()}
