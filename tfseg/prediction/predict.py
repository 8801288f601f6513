"""`predict`: masks of image files, folders, videos and cameras."""

import os
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from tfseg import atomic
from tfseg.addresses import spelled
from tfseg.datasets.files import PICTURES
from tfseg.errors import UserError
from tfseg.prediction.inputs import find_images
from tfseg.prediction.video import VIDEOS, label_video, open_video
from tfseg.pretrained import fetch_model
from tfseg.visualize import overlay, write_mask, write_picture

# Output of an image -> suffix of its file name.
ENDS = {
    "mask": ".png",
    "overlay": "_overlay.png",
    "probabilities": "_probabilities.npy",
    "uncertainty": "_uncertainty.png",
}


def predict(config, label=None):
    """Predicts the inputs of a `PredictConfig`; writes the files of `ENDS` for images.

    `label` replaces `label_all`. Returns the output folder of images, or the output file of a
    video.
    """
    config.check()
    camera = str(config.input).isdecimal() and not config.input.exists()
    if camera or config.input.suffix.lower() in VIDEOS:
        if config.ray:
            raise UserError(f"--input={config.input}: --ray is for images only; leave it out")
        capture = open_video(config, camera)
        return label_video(config, capture, load_segmenter(config), camera)
    images = find_images(config.input, config.output)
    if config.output.suffix.lower() in PICTURES | VIDEOS and not config.output.is_dir():
        raise UserError(f"--output={config.output}: for images, wanted a folder")
    _check_targets(images, config.output, _ends(config.save))
    segmenter = load_segmenter(config)
    _check_targets(images, config.output, _ends(config.save, segmenter))
    config.output.mkdir(parents=True, exist_ok=True)
    labelled = (label or label_all)(images, segmenter, config)
    found = tqdm(labelled, "predicting", len(images), unit="image")
    transparent = [path for (path, _), alpha in zip(images, found, strict=True) if alpha]
    if transparent:
        print(
            f"note: {len(transparent)} of {len(images)} images have transparency, which is ignored "
            f"(the first: {transparent[0]})"
        )
    written = "1 image" if len(images) == 1 else f"{len(images)} images"
    print(spelled(f"wrote {' and '.join(config.save)} of {written} in {config.output}"))
    return config.output


def load_segmenter(config):
    """The `Segmenter` of a `PredictConfig`."""
    fetch_model(config)
    # Imported here, because TensorFlow takes seconds to load, and a wrong --input should not.
    from tfseg.devices import select
    from tfseg.networks import find_network
    from tfseg.prediction.segmenter import make_segmenter

    select(config.gpu, config.mem_frac)
    return make_segmenter(find_network(config), config)


def label_all(images, segmenter, config):
    """Labels images, given as (file, place); yields for each whether it has transparency.

    Runs the network in this thread; others read images ahead and write results.
    """
    workers, ends = config.workers or os.cpu_count(), _ends(config.save, segmenter)
    ahead = 1 if config.tile else workers  # tiled images are large: keep few in memory

    def read(item):
        file = segmenter.open(item[0])
        return segmenter.pixels_of(file), file.alpha

    with ThreadPoolExecutor(workers) as pool:
        writing = deque()
        for (path, place), (pixels, alpha) in _ahead(pool, ahead, read, images):
            segmenter.engine.check_size(*pixels.shape[:2], path)
            answers = _answers(segmenter, pixels, config.save)
            targets = _targets(place, config.output, ends)
            writing.append(pool.submit(_write, targets, answers, pixels, segmenter.colors))
            if len(writing) > ahead:
                writing.popleft().result()
            yield alpha
        for done in writing:
            done.result()


def _ahead(pool, count, function, items):
    """Yields (item, function(item)), computed by a pool `count` items ahead."""
    waiting = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > count:
            first, result = waiting.popleft()
            yield first, result.result()
    for item, result in waiting:
        yield item, result.result()


def _answers(segmenter, pixels, save):
    """{kind of `ENDS`: content to write}."""
    if not {"probabilities", "uncertainty"} & set(save):
        return {"mask": segmenter.predict(pixels)}
    probabilities, decision = segmenter.probabilities(pixels), segmenter.engine.decision
    answers = {
        "mask": decision.choose(probabilities).numpy(),
        "probabilities": probabilities.astype(np.float16),
    }
    if "uncertainty" in save:
        from tfseg.prediction.engine import uncertainty

        answers["uncertainty"] = uncertainty(probabilities, decision.is_multilabel)
    return answers


def _write(targets, answers, pixels, colors):
    mask = answers["mask"]
    for kind, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "mask":
            write_mask(path, mask, colors)
        elif kind == "overlay":
            write_picture(path, overlay(pixels, mask, colors))
        elif kind == "probabilities":
            with atomic.file(path) as partial:
                np.save(partial, answers[kind])
        elif kind == "uncertainty":
            shade = np.rint(255 * answers[kind]).astype(np.uint8)
            write_picture(path, cv2.applyColorMap(shade, cv2.COLORMAP_MAGMA)[..., ::-1])
        else:  # the index of a class
            write_picture(path, 255 * mask[..., kind])


def _ends(save, segmenter=None):
    """{requested kind: suffix of its file}; a multilabel network has a mask per class."""
    ends = {kind: ENDS[kind] for kind in save}
    if segmenter and segmenter.engine.decision.is_multilabel and ends.pop("mask", None):
        for number, name in enumerate(segmenter.classes):
            plain = re.sub(r"[^\w.-]+", "-", name)
            taken = f"_{plain}.png" in ends.values()
            ends[number] = f"_{plain}-{number}.png" if taken else f"_{plain}.png"
    return ends


def _targets(place, output, ends):
    """{kind: output path} of an image."""
    return {kind: output / place.parent / f"{place.name}{end}" for kind, end in ends.items()}


def _check_targets(images, output, ends):
    """Raises `UserError` if an output would overwrite an image or another output."""
    sources = {path.resolve() for path, _ in images}
    seen: dict[Path, Path] = {}
    for path, place in images:
        for target in _targets(place, output, ends).values():
            if target.resolve() in sources:
                raise UserError(f"--output={output} would overwrite {target}; choose another")
            if target in seen:
                raise UserError(f"{seen[target]} and {path} would both become {target}; rename one")
            seen[target] = path
