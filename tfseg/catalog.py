"""The `models` command: lists the networks with their costs, or the stages of one network."""

import math
import re
from dataclasses import dataclass
from itertools import groupby

import keras
from keras import layers
from tqdm import tqdm

from tfseg.addresses import spelled
from tfseg.encoders import ENCODERS
from tfseg.errors import UserError
from tfseg.models import MODELS, build
from tfseg.models.table import ANY, VIT
from tfseg.pretrained import PRETRAINED
from tfseg.visualize import hourglass, write_picture


@dataclass
class Stage:
    """Consecutive layers that share a resolution and the first part of their names."""

    name: str
    shape: tuple[int, int, int]  # height, width, channels of its output
    parameters: int
    flops: int


def show_models(config):
    """Prints all networks, the trained ones, or the stages of one (`ModelsConfig`)."""
    if config.pretrained:
        _show_pretrained()
    elif config.name:
        _show_one(config)
    elif config.plot or config.encoder:
        raise UserError(f"--{'plot' if config.plot else 'encoder'} needs --name=NETWORK")
    else:
        _show_all(config)


def _show_pretrained():
    rows = [("name", "network", "classes of", "mIoU", "measured on", "licence", "weights")]
    for name, row in PRETRAINED.items():
        network, figure = f"{row.model}, {row.encoder}", str(row.miou or "–")
        rows.append((name, network, row.dataset, figure, row.scored, row.licence, row.source.where))
    _print_table(rows, right=(3,))
    print(
        "\nmIoU in percent, as published. Weights are downloaded once, checked and cached.\n"
        "predict --model=NAME, export --model=NAME, serve --model=NAME, train --checkpoint=NAME"
    )


def _print_table(rows, right):
    """Prints columns of text; those in `right` are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _show_all(config):
    rows = [("name", "parameters", "GFLOPs", "stride", "encoders", "paper")]
    for name, architecture in tqdm(MODELS.items(), desc="building", unit="network", leave=False):
        fits = min(config.size) >= architecture.smallest
        model = _sketch(name, config, (*config.size, 3) if fits else SIZELESS)
        cost = f"{sum(map(flops, model.layers)) / 1e9:,.1f}" if fits else "–"
        stride, encoders = str(architecture.output_stride), _which(architecture.encoders)
        rows.append((name, f"{parameters(model):,}", cost, stride, encoders, architecture.paper))
    _print_table(rows, right=(1, 2, 3))
    height, width = config.size
    print(
        f"\n{config.num_classes} classes, default encoders; GFLOPs of convolutions at "
        f"{height}x{width}, where a multiply-add counts as two\n\nencoders:"
    )
    for family, names in groupby(ENCODERS, lambda name: ENCODERS[name].family):
        print(f"  {', '.join(names)}" + ("" if _dilates(family) else "; never dilated"))


SIZELESS = (None, None, 3)


def _sketch(name, config, shape, **options):
    """A network whose variables have shapes but no values, which take most of the time."""
    with keras.StatelessScope(initialize_variables=False):
        return build(name, config.num_classes, input_shape=shape, **options)


def _which(encoders):
    """What a network's encoders have in common, in words."""
    if not encoders:
        return ""
    if set(encoders) == set(VIT):
        return "vision transformers"
    if set(encoders) == set(ANY):
        return "any"
    dilated = all(ENCODERS[encoder].dilates for encoder in encoders)
    return "any that dilates" if dilated else "any with a stride-2 map"


def _dilates(family):
    return any(row.dilates for row in ENCODERS.values() if row.family == family)


def parameters(model):
    """The number of trainable parameters."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def flops(layer):
    """Multiplications and additions of a convolution at its static size; 0 for other layers.

    A dense layer on a map counts as a 1×1 convolution.
    """
    if isinstance(layer, layers.Conv2DTranspose):  # the kernel visits every input pixel
        pixels = layer.input
    elif isinstance(
        layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense
    ):  # the kernel visits every output pixel
        pixels = layer.output
    else:
        return 0
    return 2 * math.prod(pixels.shape[1:-1]) * math.prod(layer.kernel.shape)


def _show_one(config):
    model = _sketch(config.name, config, (*config.size, 3), encoder=config.encoder)
    found, edges = stages(model)
    height, width = config.size
    rows = [("stage", "height × width × channels", "parameters", "GFLOPs")]
    rows += [("images", f"{height} × {width} × 3", "", "")]
    for stage in found:
        shape = " × ".join(map(str, stage.shape))
        rows.append((stage.name, shape, f"{stage.parameters:,}", f"{stage.flops / 1e9:.2f}"))
    total = sum(stage.flops for stage in found)
    rows.append(("total", "", f"{parameters(model):,}", f"{total / 1e9:.2f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *others)).rstrip())
    print(f"\n{MODELS[config.name].paper}")
    if config.plot:
        boxes = [(stage.name, stage.shape) for stage in found]
        write_picture(config.plot, hourglass(config.name, boxes, edges))
        print(spelled(f"wrote {config.plot}"))


def stages(model):
    """The stages of a network in order, and the pairs (from, to) of connected ones.

    A layer without weights belongs to the stage that it follows.
    """
    found, stage_of, edges = {}, {}, set()
    for layer in model.layers[1:]:
        before = [stage_of.get(id(t._keras_history.operation)) for t in _tensors(layer.input)]
        before = [key for key in before if key]
        if not (layer.weights or before):
            continue  # layers before the first convolution
        shape = _tensors(layer.output)[0].shape[1:]
        newest = max(before, key=list(found).index, default=None)
        key = _stage_key(layer.name, shape) if layer.weights else newest
        key = newest if key[1] == 1 and newest else key  # a gate, which sees only a mean
        stage_of[id(layer)] = key
        edges |= {(other, key) for other in before if other != key}
        stage = found.setdefault(key, Stage(key[0], shape, 0, 0))
        stage.parameters += parameters(layer)
        stage.flops += flops(layer)
        if layer.weights or type(layer).__name__ in ("Add", "Concatenate", "FitLike", "ResizeLike"):
            stage.shape = shape
    number = {key: i for i, key in enumerate(found)}
    return list(found.values()), sorted((number[a], number[b]) for a, b in edges)


def _stage_key(name, shape):
    """The stage of a layer: ("layer1", None) for "layer1.0.conv2". If an encoder numbers all its
    layers in one sequence, the resolution tells its stages apart."""
    name = re.sub(r"^(features\.[a-z]+\d+|\w+)\..*", r"\1", name)
    name = re.sub(r"^(?:de|)bn(?=\d)", lambda m: m[0].replace("bn", "conv"), name)
    name = re.sub(r"^(conv\d|deconv\d)_\d(_D)?.*", r"\1\2", name)
    name = re.sub(r"^((?:down|up)\d)_.*", r"\1", name)
    throughout = name in ("features", "blocks", "encoder", "trunk_output")
    return name, shape[0] if throughout else None


def _tensors(value):
    return list(value) if isinstance(value, list | tuple) else [value]
