"""Virtual KITTI (Gaidon et al. 2016, arXiv 1605.06457) and Virtual KITTI 2 (Cabon et al. 2020)."""

from functools import partial

from tfseg.datasets.coding import Colors
from tfseg.datasets.files import not_here, pair_folders, read_text
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError
from tfseg.labels import VOID

MARKS = ("vkitti_1.3.1_rgb", "Scene01", "Scene02", "Scene06", "Scene18", "Scene20")
WHERE = (
    "fetch the rgb and scenegt archives (version 2: rgb and classSegmentation) from Naver Labs "
    "Europe's page and unpack them into one folder"
)

# Version 2's colours. Version 1 has another GuardRail, and one colour per car and van.
CLASSES = {
    "Terrain": (210, 0, 200),
    "Sky": (90, 200, 255),
    "Tree": (0, 199, 0),
    "Vegetation": (90, 240, 0),
    "Building": (140, 140, 140),
    "Road": (100, 60, 100),
    "GuardRail": (250, 100, 255),
    "TrafficSign": (255, 255, 0),
    "TrafficLight": (200, 200, 0),
    "Pole": (255, 130, 0),
    "Misc": (80, 80, 80),
    "Truck": (160, 60, 60),
    "Car": (255, 127, 80),
    "Van": (0, 139, 139),
}
INDEX = {name: index for index, name in enumerate(CLASSES)}


def spec(val_scene=20):
    """`val_scene`: the scene held out as val, 1, 2, 6, 18 or 20; there is no official split."""
    return DatasetSpec(
        name="vkitti",
        title=f"Virtual KITTI: rendered streets, 14 classes; scene {val_scene} is val",
        classes=tuple(CLASSES),
        colors=tuple(CLASSES.values()),
        frames=partial(_frames, held_out=val_scene),
        where=WHERE,
    )


def _frames(source, report, held_out):
    first = (source / "vkitti_1.3.1_rgb").is_dir()
    drives = list(_first_version(source) if first else _second_version(source))
    if not drives:
        wanted = f"vkitti_1.3.1_rgb and vkitti_1.3.1_scenegt, or Scene01/clone/frames; {WHERE}"
        raise not_here(source, "Virtual KITTI", wanted)
    splits = {"train": [], "val": []}
    for scene, name, images, labels, coding in drives:
        ends = ("", "") if first else ("rgb_", "classgt_")
        for frame in _drive(images, labels, coding, report, *ends):
            split = "val" if scene == held_out else "train"
            splits[split].append(
                Frame(f"{name}/{frame.id}", frame.image, frame.label, frame.coding)
            )
    return splits


def _drive(images, labels, coding, report, image_start, label_start):
    """The frames of one drive; in version 2, names have prefixes."""
    if not image_start:
        return pair_folders(images, labels, coding, report)
    found = {path.stem.removeprefix(image_start): path for path in sorted(images.glob("*.jpg"))}
    truth = {path.stem.removeprefix(label_start): path for path in sorted(labels.glob("*.png"))}
    for stem in sorted(found.keys() ^ truth.keys()):
        report(f"{found.get(stem) or truth[stem]} has no partner; add it or remove the file")
    return [Frame(stem, found[stem], truth[stem], coding) for stem in sorted(found.keys() & truth)]


def _first_version(source):
    """Yields (scene, name, images, labels, coding) of every drive; colours are in a text file."""
    for images in sorted(source.glob("vkitti_1.3.1_rgb/[0-9][0-9][0-9][0-9]/*/")):
        scene, variation = images.parts[-2:]
        labels = source / "vkitti_1.3.1_scenegt"
        coding = _read_colors(labels / f"{scene}_{variation}_scenegt_rgb_encoding.txt")
        yield int(scene), f"{scene}/{variation}", images, labels / scene / variation, coding


def _read_colors(path):
    """The coding from a file with a header and lines "Category[:instance] r g b"."""
    table = {}
    try:
        for line in read_text(path).splitlines()[1:]:
            if line.strip():
                name, *color = line.split()
                category = name.split(":")[0]
                red, green, blue = bytes(map(int, color))
                table[red, green, blue] = INDEX[category]
    except UserError:
        raise
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: {error} is not a category or colour of Virtual KITTI; download it again"
        ) from None
    return Colors(tuple(table.items()))


def _second_version(source):
    coding = Colors((((0, 0, 0), VOID), *((color, INDEX[n]) for n, color in CLASSES.items())))
    for images in sorted(source.glob("Scene[0-9][0-9]/*/frames/rgb/Camera_?/")):
        scene, variation, _, _, camera = images.parts[-5:]
        labels = images.parents[1] / "classSegmentation" / camera
        name = f"{scene}/{variation}/{camera}"
        yield int(scene.removeprefix("Scene")), name, images, labels, coding
