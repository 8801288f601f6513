"""A trained network as a Python object: images in, masks out."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from tfseg import storage
from tfseg.config import LookConfig, NetworkConfig, PredictConfig
from tfseg.errors import UserError
from tfseg.hub_runs import is_on_hub
from tfseg.images import MOST_PIXELS, ImageData, open_image, pillow_pixels
from tfseg.networks import Network, find_network, load_hub, load_run, with_thresholds
from tfseg.prediction.crf import CRF
from tfseg.prediction.engine import Engine
from tfseg.pretrained import is_pretrained
from tfseg.runs import find_run

Images = str | Path | Image.Image | np.ndarray
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # PIL modes of more than 8 bits


class Segmenter:
    """A trained network with its class names.

    Attributes:
        model: the Keras model, RGB pixels in 0..255 -> logits.
        classes: class names, in the order of their indices.
        colors: RGB colours in 0..255, one per class.
        engine: runs the network on images, an `Engine`.
        pixel_range: values that become 0 and 255, for image files of more than 8 bits.

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
        pixel_range: tuple[float, float] | None = None,
    ) -> None:
        self.engine, self.classes, self.colors = engine, classes, colors
        self.pixel_range = pixel_range

    @property
    def model(self) -> keras.Model:
        return self.engine.network

    def predict(self, image: Images) -> np.ndarray:
        """The class of every pixel, uint8 (H, W), at the image's own size.

        A multilabel network returns a mask of 0 and 1 for each class, uint8 (H, W, K).

        `image` is an image file, a PIL image, or pixels uint8 in 0..255: RGB (H, W, 3), gray (H, W)
        or (H, W, 1), or a batch (N, H, W, 3), which returns (N, H, W). Raises `UserError` for a
        file that is not an image, and for pixels of another dtype or shape.
        """
        return self._each(self.engine.mask, image)

    def probabilities(self, image: Images) -> np.ndarray:
        """The class probabilities of every pixel, float32 (H, W, K); arguments as in `predict`."""
        return self._each(self.engine.probabilities, image)

    def open(self, path: str | Path) -> ImageData:
        """Opens an image file and reads its header; with tiles, any size is accepted."""
        most = None if self.engine.tile else MOST_PIXELS
        mend = "give --tile=1024, which takes images of any size"
        return open_image(path, max_pixels=most, mend=mend)

    def pixels_of(self, file: ImageData) -> np.ndarray:
        """RGB pixels uint8 (H, W, 3) of an opened file, scaled by the training's pixel range."""
        return file.pixels(self.pixel_range)

    def _each(self, answer, image):
        pixels = self._pixels(image)
        if pixels.ndim == 4:
            return np.stack([answer(one) for one in pixels])
        return answer(pixels)

    def _pixels(self, image):
        if isinstance(image, str | Path):
            pixels = self.pixels_of(self.open(image))
        else:
            pixels = _checked(_array(image))
        self.engine.check_size(*pixels.shape[-3:-1], "the image")
        return pixels


def _array(image):
    if isinstance(image, Image.Image) and image.mode not in DEEP:
        return pillow_pixels(image)
    return np.asarray(image)


def _checked(pixels):
    """RGB pixels (H, W, 3) or (N, H, W, 3) of an array. Raises `UserError`."""
    if pixels.dtype != np.uint8:
        raise UserError(
            f"image of {pixels.dtype}{_extent(pixels)}; wanted uint8 levels of 0 to 255: scale it, "
            f"then image.astype('uint8')"
        )
    gray = pixels.ndim == 2 or pixels.shape[-1:] == (1,)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim not in (3, 4) or pixels.shape[-1] not in (1, 3) or not pixels.size:
        raise UserError(
            f"image of shape {pixels.shape}; wanted RGB (H, W, 3), gray (H, W), or a batch of "
            f"images (N, H, W, 3)"
        )
    return np.repeat(pixels, 3, axis=-1) if gray else pixels


def _extent(pixels):
    if pixels.dtype.kind not in "uif" or not pixels.size:
        return ""
    return f" from {pixels.min():g} to {pixels.max():g}"


def load(
    run: str | Path,
    checkpoint: str | Path | None = None,
    threshold: float | tuple[float, ...] | None = None,
    **looks: Any,
) -> Segmenter:
    """Loads a trained network in float32: the best checkpoint of a run, or a public network.

    Args:
        run: folder of a training run, or its address such as "s3://bucket/runs/first"; "last" or
            "best" of the runs in `runs`; a run on the Hugging Face hub, "hf://user/name"; or the
            name of a public network, such as "fcn_resnet50_coco"; `python train.py models
            --pretrained` lists them.
        checkpoint: other weights of the same network.
        threshold: for a binary or multilabel network, the probability above which a pixel has a
            class; one for all classes or one per class. None uses the run's own.
        looks: test-time options of `tfseg.prediction.engine.Engine`: `scales`,
            `flip`, `tile`, `overlap`, `size`, `mc_samples`, `crf`.

    Raises:
        UserError: for a folder that is not a run, weights that do not fit, and options that
            exclude each other.

    Example:
        >>> mask = tfseg.load("runs/camvid-linknet-20260101-120000").predict("photo.jpg")
    """
    if is_pretrained(run):
        network = find_network(NetworkConfig(model=str(run), checkpoint=checkpoint))
    elif is_on_hub(run):
        network = load_hub(str(run), checkpoint)
    else:
        network = load_run(find_run(storage.fetch(run)), checkpoint and storage.fetch(checkpoint))
    given = (threshold,) if isinstance(threshold, int | float) else threshold
    network = with_thresholds(network, given)
    return _segmenter(network, Engine(network.model, network.decision, **looks), None)


def make_segmenter(network: Network, config: PredictConfig) -> Segmenter:
    """The `Segmenter` of a `Network` with the test-time options of a command."""
    return _segmenter(network, make_engine(network, config), config.pixel_range)


def _segmenter(network, engine, pixel_range):
    """The `Segmenter`; uses the run's pixel range if none is given."""
    known = getattr(network.settings, "pixel_range", None)
    labels = network.labels
    return Segmenter(engine, labels.classes, labels.colors, pixel_range or known)


def make_engine(network: Network, config: LookConfig) -> Engine:
    """The `Engine` of a network with the options of a command."""
    given = {
        name.removeprefix("crf_"): value
        for name, value in config.group("crf").items()
        if value is not None
    }
    if given and not config.crf:
        raise UserError(f"--crf_{next(iter(given))} needs --crf")
    crf = CRF(**given) if config.crf else None
    return Engine(network.model, network.decision, **config.group("looks"), crf=crf)
