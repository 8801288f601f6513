"""Rebuilds layers of `keras.applications` under names of our own, with the same arithmetic but
layers that are fast and that every file format supports."""

import re
from typing import Any

import keras
from keras import layers

from tfseg.layers.batch_norm import BatchNormalization
from tfseg.layers.depthwise import DepthwiseConv2D
from tfseg.layers.dilation import DilatedConv2D
from tfseg.layers.gelu import Gelu
from tfseg.layers.scale import Scale

PREFIX = "encoder."
SPATIAL = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.MaxPooling2D)


def names_of(model: keras.Model) -> dict[int, str]:
    """id of each layer -> its name in a network. Numbers that Keras assigns restart at 0."""
    names, counts = {}, {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        stem = re.sub(r"_\d+$", "", layer.name)
        if stem.replace("_", "") == type(layer).__name__.lower():
            number = counts[stem] = counts.get(stem, -1) + 1
            names[id(layer)] = f"{PREFIX}{stem}_{number}"
        else:
            names[id(layer)] = f"{PREFIX}{layer.name}"
    return names


def renewed(layer: Any, name: str, **changes: Any) -> list[Any]:
    """The layers that together replace `layer`; `changes` apply to convolutions and pools."""
    config = {**layer.get_config(), **changes, "name": name}
    if type(layer) is layers.BatchNormalization:
        # Keras' momentum needs more steps than a run here may have.
        return [BatchNormalization(layer.epsilon, name=name, dtype=config["dtype"])]
    if type(layer).__name__ == "LayerScale":
        return [Scale(layer.init_values, name=name, dtype=config["dtype"])]
    if isinstance(layer, layers.Activation) and layer.activation is keras.activations.gelu:
        return [Gelu(name=name, dtype=config["dtype"])]
    if isinstance(layer, layers.SeparableConv2D):
        return _separated(layer, config)
    if isinstance(layer, layers.Conv2D) and layer.groups > 1:
        return [_depthwise(layer, config, layer.kernel_initializer)]
    kind = type(layer)
    if isinstance(layer, layers.Conv2D) and config["dilation_rate"] not in (1, (1, 1)):
        kind = DilatedConv2D
    if kind is layers.DepthwiseConv2D:
        kind = DepthwiseConv2D
    return [kind.from_config(config)]


def _depthwise(layer, config, initializer):
    """A convolution with one group per channel, which Keras would compile and make slow."""
    return DepthwiseConv2D(
        layer.kernel_size,
        strides=config["strides"],
        padding=config["padding"],
        dilation_rate=config["dilation_rate"],
        use_bias=layer.use_bias,
        depthwise_initializer=initializer,
        dtype=config["dtype"],
        name=config["name"],
    )


def _separated(layer, config):
    """The two convolutions as two layers, so that batch normalisation folds into the second."""
    name = config["name"]
    first = _depthwise(layer, {**config, "name": f"{name}.depthwise"}, layer.depthwise_initializer)
    second = layers.Conv2D(
        layer.filters,
        1,
        use_bias=layer.use_bias,
        kernel_initializer=layer.pointwise_initializer,
        dtype=config["dtype"],
        name=f"{name}.pointwise",
    )
    return [first, second]


def put_in(source: keras.Model, network: keras.Model, without: tuple) -> None:
    """Copies the weights of a Keras application into the layers rebuilt from it."""
    names, made = names_of(source), {layer.name for layer in network.layers}
    for layer in source._flatten_layers(include_self=False, recursive=True):
        name, values = names[id(layer)], layer.get_weights()
        if isinstance(layer, (*without, keras.Sequential)) or not values:
            continue
        if not made & {name, f"{name}.depthwise"}:  # the network lacks this stage
            continue
        if isinstance(layer, layers.SeparableConv2D):
            network.get_layer(f"{name}.depthwise").set_weights(values[:1])
            network.get_layer(f"{name}.pointwise").set_weights(values[1:])
        elif isinstance(layer, layers.Conv2D) and layer.groups > 1:
            network.get_layer(name).set_weights([values[0].transpose(0, 1, 3, 2), *values[1:]])
        else:
            network.get_layer(name).set_weights(values)
