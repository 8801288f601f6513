"""Shows masks as images: colours, overlays, legends, side-by-side panels, confusion matrices.

Images are RGB uint8 (H, W, 3), masks are class indices uint8 (H, W) with void 255. Masks of
multilabel networks are uint8 (H, W, K): 0, 1 or void for each class.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfseg import atomic
from tfseg.labels import VOID

INK, PAPER = (40, 40, 40), (255, 255, 255)
FONT_SIZE = 15  # pixels
LETTERS = 28  # a triptych's panel is this many font sizes wide


def colorize(mask, colors):
    """The colours of a mask: void is black; several classes of a pixel give their mean colour."""
    if mask.ndim == 3:
        there = (mask == 1).astype(np.float32)
        count = np.maximum(there.sum(axis=2, keepdims=True), 1)
        return (there @ np.float32(colors) / count).astype(np.uint8)
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = colors
    return table[mask]


def overlay(image, mask, colors, alpha=0.5):
    """Blends a mask's colours over its image; void and pixels without a class stay unchanged."""
    # OpenCV avoids floats, which would take gigabytes for a large image.
    blended = cv2.addWeighted(image, 1 - alpha, colorize(mask, colors), alpha, 0)
    void = mask == VOID if mask.ndim == 2 else (mask != 1).all(axis=2)
    blended[void] = image[void]
    return blended


def write_mask(path, mask, colors):
    """Writes a palette PNG: pixel values are class indices (void 255), shown in class colours."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = colors
    picture = Image.fromarray(mask)
    picture.putpalette(palette.tobytes())  # sets mode P, keeps the values
    _write_png(path, picture)


def write_picture(path, picture):
    """Writes RGB pixels as a PNG, completely or not at all."""
    # For photos, level 6 takes 4.6 times as long (longer than LinkNet) for 0.9 times the bytes.
    _write_png(path, Image.fromarray(picture), level=1)


def _write_png(path, picture, level=6):
    """Writes a PNG; `path` may also be an open file."""
    options = {"format": "PNG", "compress_level": level}
    if isinstance(path, str | Path):
        with atomic.file(path) as partial:
            picture.save(partial, **options)
    else:
        picture.save(path, **options)


def triptych(image, truth, prediction, classes, colors, title=""):
    """Image | label | mask in class colours, with captions, a title and a legend.

    The legend lists the classes that occur. The text grows with the sheet, so that it stays
    readable when a page shows the sheet small, as TensorBoard's cards do.
    """
    grow = max(1, round(320 / image.shape[1]))  # enlarge small frames, reduce large ones
    shrink = -(-image.shape[1] // 640)
    image = np.asarray(Image.fromarray(image).reduce(shrink))  # averages, which labels cannot
    masks = (colorize(mask[::shrink, ::shrink], colors) for mask in (truth, prediction))
    panels = [panel.repeat(grow, axis=0).repeat(grow, axis=1) for panel in (image, *masks)]
    letters = 3 * panels[0].shape[1] // LETTERS
    sheet = captioned([list(zip(("image", "label", "mask"), panels, strict=True))], letters)
    there = [i for i in range(len(classes)) if _has(truth, i) or _has(prediction, i)]
    names = legend([classes[i] for i in there], [colors[i] for i in there], sheet.shape[1], letters)
    parts = [sheet, names]
    return np.concatenate([_line(title, sheet.shape[1], letters), *parts] if title else parts)


def _has(mask, index):
    return (mask == index).any() if mask.ndim == 2 else (mask[..., index] == 1).any()


def _fitting(text, width, letters):
    """The font size at which a text is at most `width` pixels wide."""
    return min(letters, max(6, int(letters * width / max(1, _font(letters).getlength(text)))))


def _line(text, width, letters):
    """A line of text that fits: down to half the font size, then with its start cut off."""
    letters, row = max(letters // 2, _fitting(text, width - 16, letters)), _row(letters)
    while _font(letters).getlength(text) > width - 16:
        text = f"...{text[4:]}"
    strip = Image.new("RGB", (width, row), PAPER)
    ImageDraw.Draw(strip).text((8, letters // 5), text, INK, font=_font(letters))
    return np.asarray(strip)


def captioned(rows, letters=FONT_SIZE):
    """Rows of (caption, image) as one image, each caption above its image.

    All images have one size, uint8 (H, W, 3); a long caption continues over images without one.
    `letters` is the font size, pixels.
    """
    gap, above = 8, _row(letters)
    height, width = rows[0][0][1].shape[:2]
    columns = max(map(len, rows))
    sheet = Image.new(
        "RGB", (gap + columns * (width + gap), len(rows) * (above + height + gap)), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for i, row in enumerate(rows):
        top = i * (above + height + gap)
        for j, (caption, picture) in enumerate(row):
            left = gap + j * (width + gap)
            draw.text((left, top + letters // 5), caption, INK, font=_font(letters))
            sheet.paste(Image.fromarray(picture), (left, top + above))
    return np.asarray(sheet)


def legend(classes, colors, width, letters=FONT_SIZE):
    """A strip of `width` pixels: swatch and name of each class, in as many rows as needed."""
    names = [*classes, "void"]
    letters = min(_fitting(name, width - 8 - 3 * letters, letters) for name in names)
    font, row = _font(letters), _row(letters)
    cell = max(int(font.getlength(name)) for name in names) + 5 * letters // 2
    columns = max(1, (width - 8) // cell)
    rows = -(-len(names) // columns)
    strip = Image.new("RGB", (width, rows * row + 8), PAPER)
    draw = ImageDraw.Draw(strip)
    for i, (name, color) in enumerate(zip(names, [*colors, (0, 0, 0)], strict=True)):
        left, top = 8 + i % columns * cell, i // columns * row
        draw.rectangle(
            (left, top + 3, left + letters, top + 3 + letters), tuple(color), outline=INK
        )
        draw.text((left + 3 * letters // 2, top + 1), name, INK, font=font)
    return np.asarray(strip)


def _row(letters):
    """The height of a line of text, pixels."""
    return 8 * letters // 5


def _font(letters):
    return ImageFont.load_default(letters)


def confusion_picture(matrix, classes):
    """A confusion matrix as a heat map: a row per label class, its shares in percent."""
    # Figure objects instead of pyplot: no global state, no window system.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matrix = np.asarray(matrix, np.float64)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    side = 3.0 + 0.42 * len(classes)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("mask")
    axes.set_ylabel("label")
    figure.suptitle("share of each class's pixels, %", fontsize=11)  # axes may be narrower than it
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        color = "white" if share > 0.6 else "black"
        axes.text(
            column, row, f"{100 * share:.0f}", ha="center", va="center", color=color, fontsize=8
        )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def hourglass(title, stages, edges):
    """Draws a network's stages from left to right, with heights by their maps (log scale).

    `stages` are (name, (height, width, channels)), `edges` pairs of their indices. A line joins
    neighbours, an arc joins others.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(max(6.0, 0.62 * len(stages)), 5.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    heights = [0.5 + np.log2(max(shape[0], 1)) / 2 for _, shape in stages]
    for i, (height, (name, (rows, columns, channels))) in enumerate(
        zip(heights, stages, strict=True)
    ):
        axes.add_patch(Rectangle((i - 0.3, -height / 2), 0.6, height, fc="#9dc3e6", ec="#1f4e79"))
        axes.text(i, 0, f"{channels}", ha="center", va="center", fontsize=8, rotation=90)
        label = f"{name}  {rows}×{columns}"
        axes.text(
            i, -max(heights) / 2 - 0.25, label, ha="center", va="top", fontsize=8, rotation=90
        )
    for first, last in edges:
        if last - first == 1:
            axes.plot((first + 0.3, last - 0.3), (0, 0), color="#1f4e79")
            continue
        rise = max(heights[first : last + 1]) / 2 + 0.12 * (last - first)
        x = np.linspace(first, last, 40)
        arc = (1 - ((x - (first + last) / 2) / ((last - first) / 2)) ** 4) * rise
        foot = np.interp(x, (first, last), (heights[first] / 2, heights[last] / 2))
        axes.plot(x, np.maximum(arc, foot), color="#c55a11", lw=1)
    axes.autoscale_view()
    axes.set_axis_off()
    axes.set_title(f"{title}: channels in the boxes, height×width below")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
