"""COCO: stuff and thing maps (Caesar et al. 2018), 171 classes, or panoptic labels, 133."""

from functools import partial

from tfseg.datasets.annotations import read_json
from tfseg.datasets.coding import Colors, Values
from tfseg.datasets.download import fetch_archives, unpack
from tfseg.datasets.files import not_here, pair_folders, pictures
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.errors import UserError
from tfseg.labels import VOID, palette

MARKS = ("stuffthingmaps*", "annotations/panoptic_*2017.json")
WHERE = (
    "fetch train2017.zip and val2017.zip from COCO's site, and stuffthingmaps_trainval2017.zip "
    "from COCO-Stuff's repository, and unpack them into one folder; --classes=133 needs "
    "panoptic_annotations_trainval2017.zip and the two zips in it, which --download fetches"
)
ARCHIVES = ("train2017.zip", "val2017.zip", "panoptic_annotations_trainval2017.zip")

# The classes of ids 1 to 182: 91 things, then stuff.
NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
hydrant, street sign, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
elephant, bear, zebra, giraffe, hat, backpack, umbrella, shoe, eye glasses, handbag, tie,
suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
surfboard, tennis racket, bottle, plate, wine glass, cup, fork, knife, spoon, bowl, banana,
apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted
plant, bed, mirror, dining table, window, desk, toilet, door, tv, laptop, mouse, remote,
keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, blender, book, clock, vase,
scissors, teddy bear, hair drier, toothbrush, hair brush, banner, blanket, branch, bridge,
building-other, bush, cabinet, cage, cardboard, carpet, ceiling-other, ceiling-tile, cloth,
clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt, door-stuff, fence, floor-marble,
floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit,
furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal,
mirror-stuff, moss, mountain, mud, napkin, net, paper, pavement, pillow, plant-other, plastic,
platform, playingfield, railing, railroad, river, road, rock, roof, rug, salad, sand, sea,
shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw, structural-other, table,
tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other, wall-panel,
wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other, wood
"""
NEVER_LABELLED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91}

# Panoptic stuff: ids kept from NAMES, and merged ones from 184 on (from memory of
# panoptic_coco_categories.json; a file that differs is refused).
KEPT = (
    92, 93, 95, 100, 107, 109, 112, 118, 119, 122, 125, 128, 130, 133, 138, 141, 144, 145, 147, 148,
    149, 151, 154, 155, 156, 159, 161, 166, 168, 171, 175, 176, 177, 178, 180, 181,
)  # fmt: skip
MERGED = """
tree fence ceiling sky-other cabinet table floor-other pavement mountain grass dirt paper food-other
building-other rock wall-other rug
"""


def spec(classes=171):
    """`classes`: 171 (stuff and thing maps) or 133 (panoptic)."""
    names = category_names(classes)
    frames = partial(_maps if classes == 171 else _panoptic, indices=list(names))
    return DatasetSpec(
        name="coco_stuff" if classes == 171 else "coco_panoptic",
        title=f"COCO 2017, {classes} classes of things and stuff",
        classes=tuple(names.values()),
        colors=palette(len(names) + 1)[1:],  # skips black
        frames=frames,
        where=WHERE,
        download=_download if classes == 133 else None,
    )


def category_names(classes):
    """{category id: name} in the order of the class indices."""
    every = dict(enumerate(" ".join(NAMES.split()).split(", "), 1))
    if classes == 171:
        return {i: name for i, name in every.items() if i not in NEVER_LABELLED}
    things = {i: every[i] for i in range(1, 91) if i not in NEVER_LABELLED}
    merged = {i: f"{name}-merged" for i, name in enumerate(MERGED.split(), 184)}
    return things | {i: every[i] for i in KEPT} | merged


def _maps(source, report, indices):
    folder = next(source.glob("stuffthingmaps*"), None)
    if folder is None:
        raise not_here(source, "COCO-Stuff", f"train2017 and stuffthingmaps; {WHERE}")
    coding = Values(((255, VOID), *((i - 1, index) for index, i in enumerate(indices))))
    return {
        split: pair_folders(source / f"{split}2017", folder / f"{split}2017", coding, report)
        for split in ("train", "val")
        if (folder / f"{split}2017").is_dir()
    }


def _panoptic(source, report, indices):
    files = {s: source / "annotations" / f"panoptic_{s}2017.json" for s in ("train", "val")}
    files = {split: path for split, path in files.items() if path.is_file()}
    if not files:
        raise not_here(source, "COCO panoptic", f"annotations/panoptic_train2017.json; {WHERE}")
    return {split: _annotated(source, split, path, report) for split, path in files.items()}


def _annotated(source, split, path, report):
    """The frames of one annotation file; every label image has its own colours."""
    content = read_json(path)
    try:
        categories = {entry["id"]: entry["name"] for entry in content["categories"]}
        annotations = sorted(content["annotations"], key=lambda entry: entry["file_name"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged or not a panoptic annotation: {error!r}; download it again"
        ) from None
    known = category_names(133)
    for i, name in categories.items():
        if known.get(i) != name:
            raise UserError(f"{path}: category {i} is {name!r}, not {known.get(i)!r}")
    index = {i: place for place, i in enumerate(known)}
    images = pictures(source / f"{split}2017", report)
    labels = pictures(path.with_suffix(""), report)
    frames = []
    for entry in annotations:
        stem = str(entry["file_name"]).removesuffix(".png")
        if stem not in images or stem not in labels:
            report(f"{path} lists {stem}, whose image or label is missing")
            continue
        try:
            frames.append(Frame(stem, images[stem], labels[stem], _segments(entry, index)))
        except (KeyError, TypeError, AttributeError) as error:
            report(f"{path}: the segments of {stem} are damaged: {error!r}; download it again")
    return frames


def _segments(entry, index):
    """The `Colors` of one label: a segment's colour is its id in base 256; crowds are void."""
    table = [((0, 0, 0), VOID)]
    for segment in entry["segments_info"]:
        color = tuple(segment["id"] >> shift & 255 for shift in (0, 8, 16))
        table.append((color, VOID if segment.get("iscrowd") else index[segment["category_id"]]))
    return Colors(tuple(table))


def _download(folder):
    fetch_archives(folder, "coco", ARCHIVES)
    for split in ("train", "val"):
        archive = folder / "annotations" / f"panoptic_{split}2017.zip"
        unpack(archive, folder / "annotations", archive.name)
        archive.unlink()
