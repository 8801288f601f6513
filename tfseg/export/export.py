"""A trained network as a folder of files that other runtimes load."""

import os
import shutil
from dataclasses import asdict

from tqdm import tqdm

from tfseg.datasets import get_dataset
from tfseg.datasets.palette import palette
from tfseg.errors import UserError, unknown
from tfseg.export.calibration import calibration_frames
from tfseg.export.folding import fold
from tfseg.export.formats import FORMATS, check_formats
from tfseg.export.graph import OUTPUTS
from tfseg.models import MODELS
from tfseg.runs import (
    Labels,
    RunFolder,
    build_network,
    load_network,
    load_public_network,
    precision,
    write_json,
)


def export(config):
    """Writes `config.output` (an `ExportConfig`) whole or not at all, and returns it.

    The folder is TensorFlow Serving's `NAME/VERSION`: the SavedModel (see `write_saved_model`),
    and beside it `model.tflite`, `model.onnx`, `model.xml` with `model.bin`, as far as
    `config.format` asks for them. `labels.json` has the names and colours of the classes; it
    lies in `assets.extra` too, with the run's `config.json`.
    """
    output = _free_folder(config.output)
    for name in config.outputs:
        if name not in OUTPUTS:
            raise unknown("output", name, OUTPUTS)
    check_formats(config.format, config.precision)
    network, labels, settings = _load(config)
    _check_size(network, config.size)
    frames = calibration_frames(config, settings) if config.precision == "int8" else []
    if network.name == "bayesian_segnet":
        print("bayesian_segnet is exported without dropout: one look, no samples")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed
    try:
        partial.mkdir(parents=True)
        for name in tqdm(config.format, "exporting", unit="format"):
            policy = FORMATS[name].policies[config.precision]
            folded = fold(_rebuilt(network, settings, config.size, policy))
            FORMATS[name].write(folded, partial, config, frames)
        _write_labels(partial, labels, settings)
        if output.exists():
            output.rmdir()
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output


def _free_folder(output):
    if output is None:
        raise UserError("export needs --output=FOLDER, as --output=exports/linknet/1")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(
            f"--output={output} exists; choose another, such as the next version number"
        )
    return output


def _load(config):
    """The network, its `Labels`, and the config that says how it is built."""
    if config.model is None:
        run = RunFolder(config.run)
        return load_network(run, config.checkpoint), run.labels(), run.config()
    spec = get_dataset(config.dataset) if config.dataset else None
    network = load_public_network(config, len(spec.classes) if spec else None)
    if spec:
        return network, Labels(spec.name, spec.classes, spec.colors), config
    count = network.output_shape[-1]
    names = tuple(f"class {i}" for i in range(count))
    return network, Labels(config.model, names, palette(count)), config


def _check_size(network, size):
    smallest = MODELS[network.name].smallest
    if size and min(size) < smallest:
        raise UserError(f"--size={size[0]}x{size[1]}: {network.name} needs {smallest} a side")


def _rebuilt(network, settings, size, policy):
    """The same network, computing in `policy`, for pictures of `size` (H, W) or any (None)."""
    shape = (*(size or (None, None)), 3)
    with precision(policy):
        copy = build_network(settings, network.output_shape[-1], input_shape=shape)
    copy.set_weights(network.get_weights())
    return copy


def _write_labels(folder, labels, settings):
    extra = folder / "assets.extra"  # TensorFlow Serving leaves alone what it does not know there
    extra.mkdir(exist_ok=True)
    for place in (folder, extra):
        write_json(place / "labels.json", {"model": settings.model, **asdict(labels)})
    settings.save(extra / "config.json")
