"""Encoders of `keras.applications`: rebuilds their graphs layer by layer.

It drops their preprocessing, because networks here normalise pixels first. It rounds up when it
halves odd sides, and replaces strides by dilation on request. A feature is the last tensor of its
stride through which all later ones are computed.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from tfseg.encoders.renewal import SPATIAL, names_of, put_in, renewed
from tfseg.errors import UserError

DROPPED = (layers.InputLayer, layers.Rescaling, layers.Normalization)


def backbone(name: str) -> keras.Model:
    """The classifier `name` of `keras.applications`, without weights and top."""
    make = getattr(keras.applications, name)
    return make(include_top=False, weights=None, input_shape=(None, None, 3))


def application(
    x: Any, name: str, *, output_stride: int = 32, dilations: dict | None = None
) -> dict[str, Any]:
    """Normalised pixels (N, H, W, 3) -> features by name, "stride2" to "stride32".

    Args:
        name: name in `keras.applications`.
        output_stride: as in `resnet`: dilation replaces further strides.
        dilations: stage (1 at stride 4, ..., 4 at 32) -> dilations of its convolutions, repeated;
            for networks that need special ones.

    If the first convolution goes straight to stride 4, "stride2" is the mean of 2×2 pixels.
    """
    features = _Walk(backbone(name), output_stride, dilations or {}).through(x)
    if "stride2" not in features:
        features["stride2"] = layers.AveragePooling2D(2, padding="same")(x)
    return {f"stride{s}": features[f"stride{s}"] for s in (2, 4, 8, 16, 32)}


class _Walk:
    """Walks a graph once. A tensor's stride is the one that it would have without dilation."""

    def __init__(self, model, output_stride, dilations):
        self.model, self.names = model, names_of(model)
        self.output_stride, self.dilations = output_stride, dilations
        self.met = {}  # stage -> convolutions seen so far

    def through(self, x):
        nodes, start = _nodes(self.model), self.model.inputs[0]
        made, strides, pads = {id(start): x}, {id(start): 1}, {}
        left = _uses(nodes)  # tensor -> operations that still need it
        features, waiting = {}, {id(start)}
        for node in nodes:
            tensors, output = [id(t) for t in node.input_tensors], id(node.output_tensors[0])
            if isinstance(node.operation, layers.ZeroPadding2D):  # the next convolution pads
                pads[output] = node.operation.padding
                made[output], strides[output] = made[tensors[0]], strides[tensors[0]]
            else:
                made[output], strides[output] = self._apply(
                    node, [made[t] for t in tensors], strides[tensors[0]], pads.get(tensors[0])
                )
            for tensor in tensors:
                left[tensor] -= 1
            waiting = {tensor for tensor in waiting | {output} if left.get(tensor, 0)}
            if waiting <= {output} and output not in pads:
                features[f"stride{strides[output]}"] = made[output]
        return features

    def _apply(self, node, inputs, stride, pad):
        """Rebuilds an operation on `inputs`; returns its output and the output's stride."""
        operation = node.operation
        if isinstance(operation, DROPPED):
            return inputs[0], stride
        if isinstance(operation, keras.Sequential):
            x = inputs[0]
            for layer in operation.layers:
                x, stride = self._layer(layer, [x], stride, None)
            return x, stride
        if not isinstance(operation, layers.Layer):
            return _arithmetic(node, inputs), stride
        return self._layer(operation, inputs, stride, pad)

    def _layer(self, layer, inputs, stride, pad):
        if not isinstance(layer, SPATIAL):
            made = renewed(layer, self.names[id(layer)])[0]
            return made(inputs if len(inputs) > 1 else inputs[0]), stride
        x, reached = inputs[0], stride * layer.strides[0]
        strided = layer.strides[0] > 1 and reached <= self.output_stride
        changes = {"strides": layer.strides[0] if strided else 1, "padding": "same"}
        if strided and pad and pad[0][0] == pad[0][1]:  # equal on every side, as in PyTorch
            x, changes["padding"] = layers.ZeroPadding2D(pad)(x), "valid"
        if not isinstance(layer, layers.MaxPooling2D) and layer.kernel_size[0] > 1:
            changes["dilation_rate"] = self._rate(stride, reached)
        for made in renewed(layer, self.names[id(layer)], **changes):
            x = made(x)
        return x, reached

    def _rate(self, stride, reached):
        """The dilation of a convolution; one that would halve the map has the one before."""
        stage = reached.bit_length() - 2
        if stage not in self.dilations:
            return max(1, stride // self.output_stride)
        rates, number = self.dilations[stage], self.met.get(stage, 0)
        self.met[stage] = number + 1
        return rates[number % len(rates)]


def _nodes(model):
    """The calls of a graph in topological order."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    nodes = [node for depth in depths for node in model._nodes_by_depth[depth]]
    return [node for node in nodes if not node.is_input]


def _uses(nodes):
    uses = {}
    for node in nodes:
        for tensor in node.input_tensors:
            uses[id(tensor)] = uses.get(id(tensor), 0) + 1
    return uses


def _arithmetic(node, inputs):
    """A sum or product as a layer, which every file format supports."""
    kind = type(node.operation).__name__
    if len(inputs) > 1:
        return {"Add": layers.Add, "Multiply": layers.Multiply}[kind]()(inputs)
    (number,) = (value for value in node.arguments.args if isinstance(value, int | float))
    scale, offset = {"Add": (1.0, number), "Multiply": (number, 0.0)}[kind]
    return layers.Rescaling(scale, offset)(inputs[0])


def load_application(
    model: keras.Model, encoder: str, path: str | Path, keys: tuple = (), *, name: str
) -> None:
    """Fills the encoder of a network from a file of weights of its Keras application.

    The file is `.h5`, `.weights.h5` or `.keras`, without the classifier's top. Raises `UserError`.
    """
    source = backbone(name)
    if not Path(path).is_file():
        raise UserError(f"checkpoint {path} does not exist")
    try:
        source.load_weights(path)
    except (ValueError, OSError, KeyError, IndexError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"checkpoint {path} does not fit {encoder}; give a .h5, .weights.h5 or .keras file of "
            f"keras.applications.{name} without its top ({reason})"
        ) from None
    put_in(source, model, DROPPED)
