"""Masks of pictures: a trained run as a Python object, and `predict` on files."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from tfseg.datasets import get_dataset
from tfseg.datasets.palette import palette
from tfseg.devices import select
from tfseg.errors import UserError
from tfseg.evaluation.evaluate import check_size, labeller
from tfseg.runs import RunFolder, load_network, load_public_network
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
        check_size(self.model, *pixels.shape[:2], "the image")
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


def _public(config):
    """The network of `--model` and `--checkpoint`; its classes bear the names of `--dataset`."""
    spec = get_dataset(config.dataset) if config.dataset else None
    network = load_public_network(config, len(spec.classes) if spec else None)
    if spec:
        return Segmenter(network, spec.classes, spec.colors)
    count = network.output_shape[-1]
    return Segmenter(network, tuple(f"class {i}" for i in range(count)), palette(count))


def read_picture(path):
    """RGB pixels uint8 (H, W, 3) of a picture file, upright as its EXIF says, or `UserError`."""
    if not Path(path).is_file():
        raise UserError(f"picture {path} does not exist")
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} is not a picture that can be read, or damaged: {error}") from None


def predict_files(config):
    """Writes `<stem>.png` (palette mask) and `<stem>_overlay.png` for every picture asked for."""
    pictures = _pictures(config.input)
    _check_targets(pictures, config.output)
    select(config.gpu, config.mem_frac)
    segmenter = _public(config) if config.model else load(config.run, config.checkpoint)
    config.output.mkdir(parents=True, exist_ok=True)
    for path in tqdm(pictures, desc="predicting", unit="picture"):
        pixels = read_picture(path)
        check_size(segmenter.model, *pixels.shape[:2], path)
        mask = segmenter.predict(pixels)
        mask_path, overlay_path = _targets(path, config.output)
        write_mask(mask_path, mask, segmenter.colors)
        blended = overlay(pixels, mask, segmenter.colors)
        write_picture(overlay_path, blended)
    print(f"wrote {len(pictures)} masks and overlays in {config.output}")


def _pictures(path):
    if path is None:
        raise UserError("predict needs --input=PICTURE or --input=FOLDER")
    if not path.exists():
        raise UserError(f"--input={path} does not exist")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    if not found:
        raise UserError(f"--input={path} holds no pictures ({', '.join(sorted(PICTURES))})")
    return found


def _targets(path, output):
    """Where a picture's mask and overlay go."""
    return output / f"{path.stem}.png", output / f"{path.stem}_overlay.png"


def _check_targets(pictures, output):
    """Raises `UserError` where an answer would overwrite a picture or another answer."""
    sources = {path.resolve() for path in pictures}
    seen = {}
    for path in pictures:
        for target in _targets(path, output):
            if target.resolve() in sources:
                raise UserError(f"--output={output} would overwrite {target}; choose another")
            if target in seen:
                raise UserError(f"{seen[target]} and {path} would both become {target}; rename one")
            seen[target] = path
