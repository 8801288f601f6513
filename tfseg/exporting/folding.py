"""Folds a network into fewer operations, for inference only."""

import keras
import numpy as np
from keras import layers

from tfseg.layers.resize import FitLike

DROPOUTS = (layers.Dropout, layers.SpatialDropout2D)
CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D)
LEFT_OUT = None  # stands for an operation that only passes its input on


def fold(network):
    """A new functional Keras model with the same outputs as `network` in inference.

    A batch normalisation after a convolution becomes part of its kernel and bias, unless something
    else uses the convolution's output. Dropout is removed, and a PReLU with one slope becomes a
    leaky ReLU. Convolutions store their weights in the type that they compute in.
    """
    norms = {norm: conv for norm in network.layers if (conv := _folds_into(norm, network))}
    folded = {conv: norm for norm, conv in norms.items()}
    weights = []

    def clone(operation):
        config = operation.get_config()
        if operation in norms or isinstance(operation, DROPOUTS):
            return LEFT_OUT
        if (slope := _one_slope(operation)) is not None:
            return layers.LeakyReLU(slope, name=operation.name, dtype=operation.dtype_policy)
        if isinstance(operation, CONVOLUTIONS):
            config |= {"dtype": operation.compute_dtype}
        if operation in folded:
            config |= {"use_bias": True}
            values = _with_norm(operation, folded[operation])
        else:
            values = operation.get_weights() if isinstance(operation, layers.Layer) else []
        copy = type(operation).from_config(config)
        weights.append((copy, values))
        return copy

    def call(operation, x, *args, **kwargs):
        return x if operation is LEFT_OUT else operation(x, *args, **kwargs)

    result = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer, values in weights:
        if values:
            layer.set_weights(values)
    return result


def _one_slope(operation):
    """The slope of a PReLU if there is only one, and it is not negative; else None."""
    if not isinstance(operation, layers.PReLU) or operation.alpha.shape != (1, 1, 1):
        return None
    slope = float(keras.ops.squeeze(operation.alpha))
    return slope if slope >= 0 else None


def _folds_into(norm, network):
    """The convolution whose output only `norm` uses; None if there is none."""
    if not isinstance(norm, layers.BatchNormalization) or len(norm._inbound_nodes) != 1:
        return None
    seen, last = norm, len(norm.input.shape) - 1
    if norm.axis not in (-1, last):
        return None
    while True:
        tensor = seen._inbound_nodes[0].input_tensors[0]
        layer = tensor._keras_history.operation
        if len(layer._inbound_nodes) != 1 or _users(tensor, network) != 1:
            return None
        if isinstance(layer, CONVOLUTIONS):
            linear = layer.activation is keras.activations.linear
            return layer if linear and layer.data_format == "channels_last" else None
        # Cropping and scaling channels commute; zero padding does not.
        passes = isinstance(layer, DROPOUTS) or (isinstance(layer, FitLike) and not layer.short)
        if not passes:
            return None
        seen = layer


def _users(tensor, network):
    """How often a tensor is an input of an operation or an output of the network."""
    inputs = [
        given
        for operation in network.operations
        for node in operation._inbound_nodes
        for given in node.input_tensors
    ]
    return sum(given is tensor for given in [*inputs, *network.outputs])


def _with_norm(conv, norm):
    """[kernel, bias] of a convolution with its batch normalisation folded in."""
    values = {v.path.rsplit("/", 1)[-1]: np.asarray(v.value, np.float64) for v in norm.weights}
    scale = values.get("gamma", 1) / np.sqrt(values["moving_variance"] + norm.epsilon)
    kernel = np.asarray(conv.kernel.value, np.float64)
    bias = np.asarray(conv.bias.value, np.float64) if conv.use_bias else 0
    bias = (bias - values["moving_mean"]) * scale + values.get("beta", 0)
    if isinstance(conv, layers.Conv2DTranspose):
        kernel = kernel * scale[:, None]  # (height, width, out, in)
    elif isinstance(conv, layers.DepthwiseConv2D):
        kernel = kernel * scale.reshape(kernel.shape[2:])  # output c·m + j comes from input c
    else:
        kernel = kernel * scale
    return [kernel, bias]
