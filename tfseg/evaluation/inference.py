"""A trained network as a Python object: pictures in, masks out."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfseg.datasets import get_dataset
from tfseg.datasets.palette import palette
from tfseg.errors import UserError
from tfseg.evaluation.crf import CRF
from tfseg.evaluation.engine import Engine
from tfseg.runs import RunFolder, load_network, load_public_network

LOOKS = ("scales", "flip", "tile", "overlap", "size", "mc_samples")


class Segmenter:
    """A trained network with the meaning of its classes.

    Attributes:
        model: the Keras model, RGB pixels in 0..255 -> logits.
        classes: class names, index for index.
        colors: RGB colours in 0..255, one a class.
        engine: how it looks at pictures, an `Engine`.
    """

    def __init__(self, engine, classes, colors):
        self.engine, self.classes, self.colors = engine, classes, colors
        self.model = engine.network

    def predict(self, image):
        """The class of every pixel, uint8 (H, W), at the picture's own size.

        `image` is a picture file, or RGB pixels uint8 (H, W, 3). Raises `UserError` for a file
        that is no picture.
        """
        return self.engine.mask(self._pixels(image))

    def probabilities(self, image):
        """The probabilities of the classes at every pixel, float32 (H, W, K); as `predict`."""
        return self.engine.probabilities(self._pixels(image))

    def _pixels(self, image):
        pixels = np.asarray(image) if not isinstance(image, str | Path) else read_picture(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise UserError(f"image of shape {pixels.shape}; wanted RGB pixels (H, W, 3)")
        self.engine.check_size(*pixels.shape[:2], "the image")
        return pixels


def load(run, checkpoint=None, **looks):
    """A run's best network, in float32, ready to predict.

    Args:
        run: folder of a training run.
        checkpoint: other weights of the same network.
        looks: how it looks at pictures, as `tfseg.evaluation.engine.Engine` has it.

    Example:
        >>> mask = tfseg.load("runs/camvid-linknet-20260101-120000").predict("photo.jpg")
    """
    run = RunFolder(run)
    engine, labels = Engine(load_network(run, checkpoint), **looks), run.labels()
    return Segmenter(engine, labels.classes, labels.colors)


def make_engine(network, config):
    """The `Engine` that a `LookConfig` describes."""
    given = {
        field.name: value
        for field in dataclasses.fields(CRF)
        if (value := getattr(config, f"crf_{field.name}", None)) is not None
    }
    if given and not config.crf:
        raise UserError(f"--crf_{next(iter(given))} is of --crf; give that too")
    looks = {name: getattr(config, name) for name in LOOKS}
    return Engine(network, **looks, crf=CRF(**given) if config.crf else None)


def load_segmenter(config):
    """The `Segmenter` of a `PredictConfig`: of its run, or its model and checkpoint."""
    if config.model is None:
        run = RunFolder(config.run)
        network, labels = load_network(run, config.checkpoint), run.labels()
        return Segmenter(make_engine(network, config), labels.classes, labels.colors)
    spec = get_dataset(config.dataset) if config.dataset else None
    network = load_public_network(config, len(spec.classes) if spec else None)
    engine, count = make_engine(network, config), network.output_shape[-1]
    if spec:  # its classes bear their names
        return Segmenter(engine, spec.classes, spec.colors)
    return Segmenter(engine, tuple(f"class {i}" for i in range(count)), palette(count))


def read_picture(path):
    """RGB pixels uint8 (H, W, 3) of a picture file, upright as its EXIF says, or `UserError`."""
    if not Path(path).is_file():
        raise UserError(f"picture {path} does not exist")
    try:
        with Image.open(path) as picture:
            ImageOps.exif_transpose(picture, in_place=True)
            return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a picture that can be read, or damaged: {error}") from None
