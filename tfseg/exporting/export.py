"""Exports a trained network as a folder of files for other runtimes."""

import dataclasses
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from tfseg import atomic
from tfseg.config import ExportConfig
from tfseg.errors import UserError
from tfseg.exporting.calibration import calibration_frames
from tfseg.exporting.folding import fold
from tfseg.exporting.formats import FORMATS
from tfseg.exporting.output import check_free
from tfseg.exporting.support import check_formats
from tfseg.models import MODELS
from tfseg.networks import build_network, find_network, precision


def export(config: ExportConfig) -> Path:
    """Writes `config.output` completely or not at all, and returns it.

    The folder is TensorFlow Serving's `NAME/VERSION`. Depending on `config.format`, it holds the
    SavedModel (see `saved_model.write`), `model.tflite`, `model.onnx`, and `model.xml` with
    `model.bin`. `labels.json` has the names and colours of the classes, and the smallest side that
    the network accepts; `assets.extra` holds a copy and the run's `config.json`.
    """
    config.check()
    check_free(config.output)
    check_formats(config.format, config.precision)
    network = find_network(config)
    model = network.model
    own = getattr(network.settings, "pixel_range", None)
    config = dataclasses.replace(
        config,
        pixel_range=config.pixel_range or own,
        task=network.settings.task,
        threshold=network.thresholds or None,
    )
    _check_size(model, config.size)
    frames = calibration_frames(config, network.settings) if config.precision == "int8" else []
    if MODELS[model.name].samples:
        print(f"{model.name} is exported without dropout: one pass, no samples")
    with atomic.folder(config.output) as folder:
        check_free(config.output)  # another export may have finished first
        for name in tqdm(config.format, "exporting", unit="format"):
            policy = FORMATS[name].support.policies[config.precision]
            folded = fold(_rebuilt(model, network.settings, config.size, policy))
            FORMATS[name].write(folded, folder, config, frames)
        _write_labels(folder, network, config.pixel_range)
    return config.output


def _check_size(model, size):
    smallest = MODELS[model.name].smallest
    if size and min(size) < smallest:
        raise UserError(f"--size={size[0]}x{size[1]}: {model.name} needs {smallest} a side")


def _rebuilt(model, settings, size, policy):
    """The same network with `policy`, for images of `size` (H, W), or of any size (None)."""
    shape = (*(size or (None, None)), 3)
    with precision(policy):
        copy = build_network(settings, model.output_shape[-1], input_shape=shape)
    copy.set_weights(model.get_weights())
    return copy


def _write_labels(folder, network, pixel_range):
    extra = folder / "assets.extra"  # TensorFlow Serving ignores unknown files there
    model = network.settings.model
    values = {"model": model, "smallest": MODELS[model].smallest, **asdict(network.labels)}
    if pixel_range:
        values["pixel_range"] = pixel_range
    if (task := network.settings.task) != "multiclass":
        values |= {"task": task, "thresholds": network.thresholds or (0.5,)}
    for place in (folder, extra):
        atomic.write_json(place / "labels.json", values)
    network.settings.save(extra / "config.json")
