"""Streets: drawn scenes of 192×144 pixels with CamVid's classes, the sample data set.

Everything is integer arithmetic on PCG64 integers, so the pixels are equal on every machine.
A scene is laid out in perspective: an object whose foot stands `scale` rows below the horizon is
seen from 1.5 m above the ground, so `scale` pixels there are 1.5 m.
"""

from functools import partial

import numpy as np

from tfseg.datasets.camvid import PALETTE
from tfseg.datasets.coding import indices
from tfseg.datasets.spec import DatasetSpec, Frame
from tfseg.labels import VOID

HEIGHT, WIDTH = 144, 192
TRAIN, VAL = 64, 16
ROWS, COLUMNS = np.indices((HEIGHT, WIDTH))
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)


class Scene:
    """A picture and its label while they are painted, back to front."""

    def __init__(self, number):
        self.rng = np.random.Generator(np.random.PCG64(20170614 + number))
        self.image = np.zeros((HEIGHT, WIDTH, 3), np.int64)
        self.label = np.full((HEIGHT, WIDTH), VOID, np.uint8)
        self.horizon, self.vanish = self.draw(48, 64), self.draw(70, 122)
        self.left, self.right = self.draw(-30, 30), self.draw(162, 222)  # the road's foot
        self.kerb = self.draw(38, 62)  # the pavements' width at the foot
        self.shade = self.draw(0, 2)  # which row of houses lies in the shade

    def draw(self, low, high):
        return int(self.rng.integers(low, high))

    def maybe(self, percent):
        return self.draw(0, 100) < percent

    def color(self, low=40, high=220):
        return self.rng.integers(low, high, 3)

    def paint(self, mask, color, label=None, grain=6, block=2):
        """Colours what `mask` holds, with texture in blocks of pixels; `label` None keeps it."""
        size = (-(-HEIGHT // block), -(-WIDTH // block))
        texture = self.rng.integers(-grain, grain + 1, size).repeat(block, 0).repeat(block, 1)
        self.image[mask] = texture[:HEIGHT, :WIDTH][mask][:, None] + np.asarray(color)
        if label is not None:
            self.label[mask] = label

    def edge(self, foot, near=6):
        """The column of a ground line, row by row, that meets the bottom at column `foot`."""
        start = self.vanish + (near if foot > self.vanish else -near)
        return start + (foot - start) * (ROWS - self.horizon) // (HEIGHT - 1 - self.horizon)


def box(left, top, right, bottom):
    return (left <= COLUMNS) & (right > COLUMNS) & (top <= ROWS) & (bottom > ROWS)


def ellipse(column, row, across, down):
    """Half axes `across` and `down`."""
    x, y = COLUMNS - column, ROWS - row
    return x * x * down * down + y * y * across * across <= across * across * down * down


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


def _tree(scene, column, foot, scale):
    green = scene.draw(60, 130)
    leaf = (green - scene.draw(10, 50), green, green // 2 - 10)
    trunk = max(2, scale // 9)
    crown = foot - scale * scene.draw(24, 32) // 10
    scene.paint(box(column - trunk, crown, column + trunk, foot), (80, 62, 45), TREE, 9)
    for _ in range(7):
        x, y = scene.draw(-scale, scale + 1) // 2, scene.draw(-scale, scale + 1) // 2
        radius = scale * scene.draw(5, 9) // 10 + 3
        clump = ellipse(column + x, crown + y, radius, radius)
        scene.paint(clump, np.array(leaf) + scene.draw(-18, 19), TREE, grain=26)


def _pole(scene, column, foot, scale):
    half = max(2, scale // 11)
    top = foot - scale * scene.draw(15, 21) // 10
    gray = scene.draw(140, 200)
    scene.paint(box(column - half, top, column + half, foot), (gray, gray, gray + 8), POLE, 4)
    scene.image[box(column + half // 2, top, column + half, foot)] -= 50  # round, lit from one side
    if not scene.maybe(85):
        return
    size = max(6, scale * 2 // 7)
    middle = top + size
    if scene.maybe(50):  # a traffic light
        scene.paint(
            box(column - size, top - size, column + size, top + 2 * size), (35, 38, 36), SIGN, 5
        )
        for i, lamp in enumerate(((220, 40, 30), (230, 170, 40), (40, 200, 90))):
            row = top - size // 2 + i * size
            scene.paint(ellipse(column, row, size // 2, size // 2), lamp, grain=4)
    else:
        plate = ellipse if scene.maybe(60) else _square
        red_or_blue = (200, 40, 40) if scene.maybe(60) else (40, 70, 190)
        scene.paint(plate(column, middle, size + 1, size + 1), red_or_blue, SIGN, 5)
        scene.paint(plate(column, middle, size * 2 // 3, size * 2 // 3), (235, 235, 230), grain=5)


def _square(column, row, across, down):
    return box(column - across, row - down, column + across, row + down)


def _fence(scene, column, foot, scale):
    """Slats between two rails; what is seen through them counts as fence."""
    wide, high = scale * scene.draw(14, 26) // 10, scale * 8 // 10
    area = box(column - wide, foot - high, column + wide, foot)
    color = scene.color(60, 200)
    scene.label[area] = FENCE
    slats = area & (COLUMNS % max(4, scale // 6) < max(2, scale // 10))
    rails = area & ((ROWS - foot + high) * 6 // high % 5 < 1)
    scene.image[area] -= 25
    scene.paint(slats | rails, color, grain=8)


def _car(scene, column, foot, scale):
    color, side_view = scene.color(30, 235), scene.maybe(45)
    half, high = scale * (13 if side_view else 6) // 10, scale * 9 // 10
    scene.image[ellipse(column, foot, half + 2, max(2, scale // 8))] -= 35  # its shadow
    scene.paint(box(column - half, foot - high * 6 // 10, column + half, foot - 1), color, CAR, 5)
    cabin = ellipse(column, foot - high * 5 // 10, half * 8 // 10, high * 6 // 10)
    cabin &= foot - high * 4 // 10 > ROWS
    scene.paint(cabin, color - 12, CAR, 5)
    glass = ellipse(column, foot - high * 6 // 10, half * 65 // 100, high * 4 // 10)
    scene.paint(glass & (foot - high * 6 // 10 > ROWS), (45, 60, 75), CAR, 8)
    wheel = max(2, scale // 5)
    for x in (-half * 7 // 10, half * 7 // 10):
        scene.paint(ellipse(column + x, foot - wheel, wheel, wheel), (25, 25, 28), CAR, 4)
    lamp = (225, 60, 50) if scene.maybe(50) else (240, 235, 200)
    for x in (-half * 8 // 10, half * 8 // 10):
        size = max(1, scale // 12)
        scene.paint(_square(column + x, foot - high // 2, size, size), lamp, CAR, 4)


def _person(scene, column, foot, high, coat, label):
    wide = max(4, high * 2 // 9)
    waist, neck = foot - high * 5 // 10, foot - high * 8 // 10
    trousers = scene.color(25, 90)
    step = scene.draw(0, wide)
    scene.paint(box(column - wide, waist, column - wide // 4, foot - step // 2), trousers, label, 5)
    scene.paint(box(column + wide // 4, waist, column + wide, foot), trousers, label, 5)
    scene.paint(box(column - wide - 1, neck, column + wide + 1, waist + 2), coat, label, 6)
    head = max(3, high // 9)
    skin = (scene.draw(120, 220), scene.draw(90, 160), scene.draw(70, 130))
    scene.paint(ellipse(column, neck - head, head, head + 1), skin, label, 4)


def _pedestrian(scene, column, foot, scale):
    coat = scene.rng.integers((70, 20, 30), (220, 90, 170))
    _person(scene, column, foot, scale * 12 // 10 + 2, coat, PEDESTRIAN)


def _bicyclist(scene, column, foot, scale):
    wheel = max(4, scale * 3 // 10)
    for x in (-wheel - wheel // 3, wheel + wheel // 3):
        scene.paint(ellipse(column + x, foot - wheel, wheel, wheel), (30, 30, 32), BICYCLIST, 5)
        hub = ellipse(column + x, foot - wheel, wheel // 2, wheel // 2)
        scene.image[hub] += 70
    bar = box(column - wheel, foot - wheel * 2, column + wheel, foot - wheel)
    scene.paint(bar, scene.color(40, 220), BICYCLIST, 5)
    bright = scene.rng.integers((190, 190, 20), (250, 250, 110))  # a vest to be seen in
    _person(scene, column, foot - wheel * 8 // 10, scale + 3, bright, BICYCLIST)


def _litter(scene, column, foot, scale):
    """Something no class has a name for."""
    size = max(2, scale // 5)
    scene.paint(ellipse(column, foot - size, size * 3 // 2, size), scene.color(), VOID, 12)


# painter, place, percent of scenes, how many at most, rows of the foot below the horizon: from, to
OBJECTS = (
    (_tree, "edge", 90, 2, 26, 54),
    (_fence, "edge", 80, 2, 26, 52),
    (_pole, "kerb", 95, 2, 40, 70),
    (_car, "road", 95, 2, 26, 56),
    (_pedestrian, "pavement", 95, 2, 34, 58),
    (_bicyclist, "road", 85, 2, 32, 56),
    (_litter, "pavement", 40, 1, 24, 60),
)


def _place(scene, place, scale):
    """The column of a foot `scale` rows below the horizon: on the road, the pavement, its edges."""
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
    """Objects of every kind, the far ones first."""
    standing = []
    for painter, place, percent, most, nearest, farthest in OBJECTS:
        for _ in range(scene.draw(1, most + 1) if scene.maybe(percent) else 0):
            scale = scene.draw(nearest, farthest)
            standing.append((scale, len(standing), painter, _place(scene, place, scale)))
    for scale, _, painter, column in sorted(standing, key=lambda item: item[:2]):
        painter(scene, column, scene.horizon + scale, scale)


def _light(scene):
    """The camera's view: bonnet, brightness, colour cast, noise."""
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
MARKS = ()  # nothing lies in a folder


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
