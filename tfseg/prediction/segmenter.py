"""A trained network as a Python object: images in, masks out."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageOps

from tfseg.config import LookConfig
from tfseg.errors import UserError
from tfseg.networks import Network, load_run
from tfseg.prediction.crf import CRF
from tfseg.prediction.engine import Engine


class Segmenter:
    """A trained network with the meaning of its classes.

    Attributes:
        model: the Keras model, RGB pixels in 0..255 -> logits.
        classes: class names, index for index.
        colors: RGB colours in 0..255, one a class.
        engine: how it looks at images, an `Engine`.

    Example:
        >>> segmenter = tfseg.load("runs/camvid-linknet-20260101-120000")
        >>> mask = segmenter.predict("photo.jpg")
        >>> segmenter.classes[mask[0, 0]]
        'Sky'
    """

    def __init__(
        self,
        engine: Engine,
        classes: tuple[str, ...],
        colors: tuple[tuple[int, int, int], ...],
    ) -> None:
        self.engine, self.classes, self.colors = engine, classes, colors

    @property
    def model(self) -> keras.Model:
        return self.engine.network

    def predict(self, image: str | Path | np.ndarray) -> np.ndarray:
        """The class of every pixel, uint8 (H, W), at the image's own size.

        `image` is an image file, or RGB pixels uint8 (H, W, 3). Raises `UserError` for a file
        that is no image.
        """
        return self.engine.mask(self._pixels(image))

    def probabilities(self, image: str | Path | np.ndarray) -> np.ndarray:
        """The probabilities of the classes at every pixel, float32 (H, W, K); as `predict`."""
        return self.engine.probabilities(self._pixels(image))

    def _pixels(self, image):
        pixels = np.asarray(image) if not isinstance(image, str | Path) else read_picture(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise UserError(f"image of shape {pixels.shape}; wanted RGB pixels (H, W, 3)")
        self.engine.check_size(*pixels.shape[:2], "the image")
        return pixels


def load(run: str | Path, checkpoint: str | Path | None = None, **looks: Any) -> Segmenter:
    """A run's best network, in float32, ready to predict.

    Args:
        run: folder of a training run.
        checkpoint: other weights of the same network.
        looks: how it looks at images, as `tfseg.prediction.engine.Engine` has it: `scales`,
            `flip`, `tile`, `overlap`, `size`, `mc_samples`, `crf`.

    Raises:
        UserError: for a folder that is no run, weights that do not fit, and looks that exclude
            each other.

    Example:
        >>> mask = tfseg.load("runs/camvid-linknet-20260101-120000").predict("photo.jpg")
    """
    network = load_run(run, checkpoint)
    return Segmenter(Engine(network.model, **looks), network.labels.classes, network.labels.colors)


def make_segmenter(network: Network, config: LookConfig) -> Segmenter:
    """A `Network` that looks at images as a command's flags say."""
    labels = network.labels
    return Segmenter(make_engine(network.model, config), labels.classes, labels.colors)


def make_engine(network: keras.Model, config: LookConfig) -> Engine:
    """The `Engine` that a command's flags describe."""
    given = {
        name.removeprefix("crf_"): value
        for name, value in config.group("crf").items()
        if value is not None
    }
    if given and not config.crf:
        raise UserError(f"--crf_{next(iter(given))} is of --crf; give that too")
    return Engine(network, **config.group("looks"), crf=CRF(**given) if config.crf else None)


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
