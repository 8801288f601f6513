"""The parts of generated streets: a scene to paint on, and the objects in it."""

import numpy as np

from tfseg.labels import VOID

HEIGHT, WIDTH = 144, 192
ROWS, COLUMNS = np.indices((HEIGHT, WIDTH))
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)


class Scene:
    """An image and its label, painted back to front."""

    def __init__(self, number):
        self.rng = np.random.Generator(np.random.PCG64(20170614 + number))
        self.image = np.zeros((HEIGHT, WIDTH, 3), np.int64)
        self.label = np.full((HEIGHT, WIDTH), VOID, np.uint8)
        self.horizon, self.vanish = self.draw(48, 64), self.draw(70, 122)
        self.left, self.right = self.draw(-30, 30), self.draw(162, 222)  # road at the bottom row
        self.kerb = self.draw(38, 62)  # width of the pavements at the bottom row
        self.shade = self.draw(0, 2)  # the row of houses in the shade

    def draw(self, low, high):
        return int(self.rng.integers(low, high))

    def maybe(self, percent):
        return self.draw(0, 100) < percent

    def color(self, low=40, high=220):
        return self.rng.integers(low, high, 3)

    def paint(self, mask, color, label=None, grain=6, block=2):
        """Colours the pixels of `mask`, with blocky texture; `label` None keeps the label."""
        size = (-(-HEIGHT // block), -(-WIDTH // block))
        texture = self.rng.integers(-grain, grain + 1, size).repeat(block, 0).repeat(block, 1)
        self.image[mask] = texture[:HEIGHT, :WIDTH][mask][:, None] + np.asarray(color)
        if label is not None:
            self.label[mask] = label

    def edge(self, foot, near=6):
        """The columns, per row, of a line on the ground that ends at the bottom column `foot`."""
        start = self.vanish + (near if foot > self.vanish else -near)
        return start + (foot - start) * (ROWS - self.horizon) // (HEIGHT - 1 - self.horizon)


def box(left, top, right, bottom):
    return (left <= COLUMNS) & (right > COLUMNS) & (top <= ROWS) & (bottom > ROWS)


def ellipse(column, row, across, down):
    """The pixels of an ellipse with half axes `across` and `down`."""
    x, y = COLUMNS - column, ROWS - row
    return x * x * down * down + y * y * across * across <= across * across * down * down


def tree(scene, column, foot, scale):
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


def pole(scene, column, foot, scale):
    half = max(2, scale // 11)
    top = foot - scale * scene.draw(15, 21) // 10
    gray = scene.draw(140, 200)
    scene.paint(box(column - half, top, column + half, foot), (gray, gray, gray + 8), POLE, 4)
    scene.image[box(column + half // 2, top, column + half, foot)] -= 50  # lit from one side
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


def fence(scene, column, foot, scale):
    """Slats between two rails; the gaps between them count as fence."""
    wide, high = scale * scene.draw(14, 26) // 10, scale * 8 // 10
    area = box(column - wide, foot - high, column + wide, foot)
    color = scene.color(60, 200)
    scene.label[area] = FENCE
    slats = area & (COLUMNS % max(4, scale // 6) < max(2, scale // 10))
    rails = area & ((ROWS - foot + high) * 6 // high % 5 < 1)
    scene.image[area] -= 25
    scene.paint(slats | rails, color, grain=8)


def car(scene, column, foot, scale):
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


def pedestrian(scene, column, foot, scale):
    coat = scene.rng.integers((70, 20, 30), (220, 90, 170))
    _person(scene, column, foot, scale * 12 // 10 + 2, coat, PEDESTRIAN)


def bicyclist(scene, column, foot, scale):
    wheel = max(4, scale * 3 // 10)
    for x in (-wheel - wheel // 3, wheel + wheel // 3):
        scene.paint(ellipse(column + x, foot - wheel, wheel, wheel), (30, 30, 32), BICYCLIST, 5)
        hub = ellipse(column + x, foot - wheel, wheel // 2, wheel // 2)
        scene.image[hub] += 70
    bar = box(column - wheel, foot - wheel * 2, column + wheel, foot - wheel)
    scene.paint(bar, scene.color(40, 220), BICYCLIST, 5)
    bright = scene.rng.integers((190, 190, 20), (250, 250, 110))  # a high-visibility vest
    _person(scene, column, foot - wheel * 8 // 10, scale + 3, bright, BICYCLIST)


def litter(scene, column, foot, scale):
    """An object without a class."""
    size = max(2, scale // 5)
    scene.paint(ellipse(column, foot - size, size * 3 // 2, size), scene.color(), VOID, 12)
