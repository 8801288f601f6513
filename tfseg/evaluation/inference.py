"""Masks of pictures: a trained run as a Python object, and `predict` on files."""

from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from tfseg.devices import select
from tfseg.errors import UserError
from tfseg.evaluation.evaluate import labeller
from tfseg.runs import RunFolder, load_network
from tfseg.visualize import overlay, write_mask, write_picture

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


class Segmenter:
    """A trained network with the meaning of its classes.

    Attributes:
        model: the Keras model, RGB pixels in 0..255 -> logits.
        classes: class names, index for index.
        colors: RGB colours in 0..255, one a class.
    """

    def __init__(self, model, classes, colors):
        self.model, self.classes, self.colors = model, classes, colors
        self._label = labeller(model)

    def predict(self, image):
        """The class of every pixel, uint8 (H, W), at the picture's own size.

        `image` is a picture file, or RGB pixels uint8 (H, W, 3). Raises `UserError` for a file
        that is no picture.
        """
        pixels = np.asarray(image) if not isinstance(image, str | Path) else read_picture(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise UserError(f"image of shape {pixels.shape}; wanted RGB pixels (H, W, 3)")
        return np.asarray(self._label(pixels[None]))[0]


def load(run, checkpoint=None):
    """A run's best network, in float32, ready to predict.

    Args:
        run: folder of a training run.
        checkpoint: other weights of the same network.

    Example:
        >>> mask = tfseg.load("runs/camvid-linknet-20260101-120000").predict("photo.jpg")
    """
    run = RunFolder(run)
    network, labels = load_network(run, checkpoint), run.labels()
    return Segmenter(network, labels.classes, labels.colors)


def read_picture(path):
    """RGB pixels uint8 (H, W, 3) of a picture file. Raises `UserError` where there are none."""
    if not Path(path).is_file():
        raise UserError(f"picture {path} does not exist")
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise UserError(f"{path} is not a picture that can be read, or is damaged")
    return pixels


def predict_files(config):
    """Writes `<stem>.png` (palette mask) and `<stem>_overlay.png` for every picture asked for."""
    pictures = _pictures(config.input)
    select(config.gpu, config.mem_frac)
    segmenter = load(config.run, config.checkpoint)
    config.output.mkdir(parents=True, exist_ok=True)
    for path in tqdm(pictures, desc="predicting", unit="picture"):
        pixels = read_picture(path)
        mask = segmenter.predict(pixels)
        write_mask(config.output / f"{path.stem}.png", mask, segmenter.colors)
        blended = overlay(pixels, mask, segmenter.colors)
        write_picture(config.output / f"{path.stem}_overlay.png", blended)
    print(f"wrote {len(pictures)} masks and overlays in {config.output}")


def _pictures(path):
    if path is None:
        raise UserError("predict needs --input=PICTURE or --input=FOLDER")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    if not found:
        raise UserError(f"--input={path} holds no pictures ({', '.join(sorted(PICTURES))})")
    stems = [file.stem for file in found]
    for stem in {stem for stem in stems if stems.count(stem) > 1}:
        raise UserError(f"--input={path} holds several pictures named {stem}; masks would collide")
    return found
