"""Streets: generated scenes of 192×144 pixels with CamVid's classes, the sample data set.

Everything is integer arithmetic on PCG64 integers, so the pixels are equal on every machine.
Scenes are in perspective: the camera is 1.5 m above the ground, so 1.5 m at the distance of an
object that stands `scale` rows below the horizon are `scale` pixels.
"""

from functools import partial

import numpy as np

from tfseg.datasets.camvid import PALETTE
from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.datasets.street_objects import (
    BUILDING,
    COLUMNS,
    HEIGHT,
    PAVEMENT,
    ROAD,
    ROWS,
    SKY,
    WIDTH,
    Scene,
    bicyclist,
    car,
    ellipse,
    fence,
    litter,
    pedestrian,
    pole,
    tree,
)
from tfseg.labels import VOID

TRAIN, VAL = 64, 16


def _sky(scene):
    blue = scene.draw(150, 230)
    fade = ROWS[..., None] * np.array([2, 1, 0]) // 2
    scene.paint(ROWS >= 0, (blue - 70, blue - 25, blue), SKY, grain=2, block=4)
    scene.image += fade
    for _ in range(scene.draw(1, 6)):
        cloud = ellipse(
            scene.draw(0, WIDTH), scene.draw(0, 50), scene.draw(12, 40), scene.draw(3, 9)
        )
        scene.paint(cloud, (scene.draw(200, 245),) * 3, grain=5, block=4)


def _ground(scene):
    below = scene.horizon <= ROWS
    scene.paint(below, scene.color(70, 130), VOID, grain=8)
    outer = (scene.edge(scene.left - scene.kerb, 14), scene.edge(scene.right + scene.kerb, 14))
    paved = below & (outer[0] <= COLUMNS) & (outer[1] >= COLUMNS)
    tone = scene.draw(110, 175)
    scene.paint(paved, (tone, tone - scene.draw(0, 12), tone - scene.draw(4, 24)), PAVEMENT, 7, 3)
    depth = 1200 // np.maximum(ROWS - scene.horizon, 1)
    scene.image[paved & (depth % 12 == 0)] -= 22  # joints of the slabs
    inner = (scene.edge(scene.left), scene.edge(scene.right))
    road = below & (inner[0] <= COLUMNS) & (inner[1] >= COLUMNS)
    tone = scene.draw(65, 115)
    scene.paint(road, (tone, tone, tone + scene.draw(0, 10)), ROAD, grain=6, block=1)
    middle = scene.edge((scene.left + scene.right) // 2, 0)
    stripe = np.abs(COLUMNS - middle) * 28 <= ROWS - scene.horizon
    scene.image[road & stripe & (depth // 9 % 2 == 0)] += 100
    if scene.maybe(50):  # the shadow of a house across the street
        top = scene.draw(scene.horizon + 8, HEIGHT - 30)
        band = below & (top <= ROWS) & (top + scene.draw(6, 22) + (COLUMNS >> 3) > ROWS)
        scene.image[band & (scene.label != VOID)] -= 30


def _houses(scene, side):
    """One row of houses: facades that recede to the vanishing point, with windows."""
    foot = scene.right + scene.kerb if side else scene.left - scene.kerb
    start = scene.vanish + (14 if side else -14)
    run = np.where(foot == start, 1, foot - start)
    scale = (COLUMNS - start) * (HEIGHT - 1 - scene.horizon) // run  # rows below the horizon
    depth = 3600 // np.maximum(scale, 1)
    behind = (COLUMNS - start) * (1 if side else -1) > 0
    far = 3600
    while far > 3600 // 90:
        near = far * scene.draw(45, 75) // 100
        tall = scene.draw(18, 42)  # in tenths of the camera's height
        block = behind & (depth <= far) & (depth > near) & (scale > 1)
        top = scene.horizon - scale * tall // 10
        wall = block & (top <= ROWS) & (scene.horizon + scale >= ROWS)
        color = scene.draw(85, 200) + scene.color(-32, 32) - (35 if scene.shade == side else 0)
        scene.paint(wall, color, BUILDING, grain=8, block=3)
        up = (ROWS - top) * 40 // np.maximum(scale * tall // 10 + scale, 1)
        pane = wall & (up % 10 >= 4) & (up % 10 <= 7) & (up < 34)
        pane &= depth * 20 // (far - near + 1) % 4 >= 2
        scene.paint(pane, scene.color(20, 110), grain=10, block=2)
        scene.image[wall & (up < 2)] -= 30  # the eaves
        far = near


# painter, place, percent of scenes, most objects, nearest and farthest rows below the horizon
OBJECTS = (
    (tree, "edge", 90, 2, 26, 54),
    (fence, "edge", 80, 2, 26, 52),
    (pole, "kerb", 95, 2, 40, 70),
    (car, "road", 95, 2, 26, 56),
    (pedestrian, "pavement", 95, 2, 34, 58),
    (bicyclist, "road", 85, 2, 32, 56),
    (litter, "pavement", 40, 1, 24, 60),
)


def _place(scene, place, scale):
    """The column of an object `scale` rows below the horizon, at a place of `OBJECTS`."""
    side = scene.draw(0, 2)
    inner, outer = (
        scene.edge(scene.right if side else scene.left),
        scene.edge(*((scene.right + scene.kerb, 14) if side else (scene.left - scene.kerb, 14))),
    )
    row = min(scene.horizon + scale, HEIGHT - 1)
    a, b = sorted((int(inner[row, 0]), int(outer[row, 0])))
    if place == "road":
        middle = scene.vanish
        a, b = sorted((middle, int(inner[row, 0])))
    share = {"kerb": (0, 25), "edge": (70, 110), "pavement": (20, 80), "road": (20, 80)}[place]
    share = scene.draw(*share)
    share = share if (side or place == "road") else 100 - share
    return min(max(a + (b - a) * share // 100, 8), WIDTH - 8)


def _crowd(scene):
    """Paints objects of every kind, far ones first."""
    standing = []
    for painter, place, percent, most, nearest, farthest in OBJECTS:
        for _ in range(scene.draw(1, most + 1) if scene.maybe(percent) else 0):
            scale = scene.draw(nearest, farthest)
            standing.append((scale, len(standing), painter, _place(scene, place, scale)))
    for scale, _, painter, column in sorted(standing, key=lambda item: item[:2]):
        painter(scene, column, scene.horizon + scale, scale)


def _light(scene):
    """Adds the bonnet, brightness, colour cast and noise of the camera's view."""
    if scene.maybe(60):
        bonnet = ellipse(scene.draw(80, 112), HEIGHT + 6, scene.draw(60, 100), scene.draw(10, 18))
        scene.paint(bonnet, scene.color(20, 140), VOID, 3)
    gain = scene.draw(190, 300) * scene.rng.integers(240, 273, 3)
    scene.image = scene.image * gain >> 16
    scene.image += 4 * scene.rng.integers(-1, 2, (HEIGHT, WIDTH, 1))


def draw(number):
    """Scene `number`: image uint8 (144, 192, 3), label uint8 (144, 192), void 255."""
    scene = Scene(number)
    _sky(scene)
    _ground(scene)
    for side in (0, 1):
        _houses(scene, side)
    _crowd(scene)
    _light(scene)
    return np.clip(scene.image, 0, 255).astype(np.uint8), scene.label


def _image(number):
    return draw(number)[0]


def _label(number):
    return draw(number)[1]


CODING = indices(len(PALETTE))
MARKS = ()  # it has no raw folder


def _frames(source, report):
    def frame(number):
        drawn = partial(_image, number), partial(_label, number)
        return Frame(f"street-{number:03d}", *drawn, CODING)

    return {
        "train": [frame(number) for number in range(TRAIN)],
        "val": [frame(number) for number in range(TRAIN, TRAIN + VAL)],
    }


def spec():
    return DatasetSpec(
        name="streets",
        title="Streets: drawn scenes of 192×144 pixels with CamVid's 11 classes",
        classes=tuple(PALETTE),
        colors=tuple(PALETTE.values()),
        frames=_frames,
        needs_source=False,
    )
