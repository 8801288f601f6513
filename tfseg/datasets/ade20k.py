"""MIT Scene Parsing (Zhou et al. 2017, ADE20K): 150 classes in images of any size."""

from tfseg.datasets.coding import Values
from tfseg.datasets.files import not_here, pair_folders
from tfseg.datasets.spec import DatasetSpec
from tfseg.labels import VOID

MARKS = ("annotations/training", "ADEChallengeData2016/annotations/training")
WHERE = (
    "fetch ADEChallengeData2016.zip from the MIT Scene Parsing Benchmark's site and unpack it, so "
    "that images/training and annotations/training lie in the folder"
)

# Name and colour (hexadecimal) of the classes, in the order of the label values 1 to 150.
CLASSES = """
wall 787878, building B47878, sky 06E6E6, floor 503232, tree 04C803, ceiling 787850, road
8C8C8C, bed CC05FF, windowpane E6E6E6, grass 04FA07, cabinet E005FF, sidewalk EBFF07, person
96053D, earth 787846, door 08FF33, table FF0652, mountain 8FFF8C, plant CCFF04, curtain FF3307,
chair CC4603, car 0066C8, water 3DE6FA, painting FF0633, sofa 0B66FF, shelf FF0747, house
FF09E0, sea 0907E6, mirror DCDCDC, rug FF095C, field 7009FF, armchair 08FFD6, seat 07FFE0, fence
FFB806, desk 0AFF47, rock FF290A, wardrobe 07FFFF, lamp E0FF08, bathtub 6608FF, railing FF3D06,
cushion FFC207, base FF7A08, box 00FF14, column FF0829, signboard FF0599, chest of drawers
0633FF, counter EB0CFF, sand A09614, sink 00A3FF, skyscraper 8C8C8C, fireplace FA0A0F,
refrigerator 14FF00, grandstand 1FFF00, path FF1F00, stairs FFE000, runway 99FF00, case 0000FF,
pool table FF4700, pillow 00EBFF, screen door 00ADFF, stairway 1F00FF, river 0BC8C8, bridge
FF5200, bookcase 00FFF5, blind 003DFF, coffee table 00FF70, toilet 00FF85, flower FF0000, book
FFA300, hill FF6600, bench C2FF00, countertop 008FFF, stove 33FF00, palm 0052FF, kitchen island
00FF29, computer 00FFAD, swivel chair 0A00FF, boat ADFF00, bar 00FF99, arcade machine FF5C00,
hovel FF00FF, bus FF00F5, towel FF0066, light FFAD00, truck FF0014, tower FFB8B8, chandelier
001FFF, awning 00FF3D, streetlight 0047FF, booth FF00CC, television receiver 00FFC2, airplane
00FF52, dirt track 000AFF, apparel 0070FF, pole 3300FF, land 00C2FF, bannister 007AFF, escalator
00FFA3, ottoman FF9900, bottle 00FF0A, buffet FF7000, poster 8FFF00, stage 5200FF, van A3FF00,
ship FFEB00, fountain 08B8AA, conveyer belt 8500FF, canopy 00FF5C, washer B800FF, plaything
FF001F, swimming pool 00B8FF, stool 00D6FF, barrel FF0070, basket 5CFF00, waterfall 00E0FF, tent
70E0FF, bag 46B8A0, minibike A300FF, cradle 9900FF, oven 47FF00, ball FF00A3, food FFCC00, step
FF008F, tank 00FFEB, trade name 85FF00, microwave FF00EB, pot F500FF, animal FF007A, bicycle
FFF500, lake 0ABED4, dishwasher D6FF00, screen 00CCFF, blanket 1400FF, sculpture FFFF00, hood
0099FF, sconce 0029FF, vase 00FFCC, traffic light 2900FF, tray 29FF00, ashcan AD00FF, fan
00F5FF, pier 4700FF, crt screen 7A00FF, plate 00FFB8, monitor 005CFF, bulletin board B8FF00,
shower 0085FF, radiator FFD600, glass 19C2C2, clock 66FF00, flag 5C00FF
"""


def spec():
    rows = [row.rsplit(" ", 1) for row in " ".join(CLASSES.split()).split(", ")]
    return DatasetSpec(
        name="ade20k",
        title="ADE20K, scene parsing: 150 classes",
        classes=tuple(name for name, _ in rows),
        colors=tuple(tuple(bytes.fromhex(color)) for _, color in rows),
        frames=_frames,
        where=WHERE,
    )


def _frames(source, report):
    inside = source / "ADEChallengeData2016"
    source = inside if inside.is_dir() else source
    if not (source / "annotations" / "training").is_dir():
        raise not_here(source, "ADE20K", f"images and annotations; {WHERE}")
    coding = Values(((0, VOID), *((value, value - 1) for value in range(1, 151))))
    return {
        split: pair_folders(source / "images" / name, source / "annotations" / name, coding, report)
        for split, name in (("train", "training"), ("val", "validation"))
    }
