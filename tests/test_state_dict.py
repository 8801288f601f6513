"""PyTorch's depthwise and grouped convolutions in Keras' layout, and their FLOPs.

PyTorch 2.13 computed the expected numbers; all are multiples of 1/64, so float32 is exact.
"""

import keras
import numpy as np
import pytest

from tfseg.catalog import flops
from tfseg.errors import UserError
from tfseg.layers.state_dict import torch_shape
from tfseg.weights import load_state_dict

# torch.nn.Conv2d(4, 8, 3, groups=4): two outputs of each input channel. (8, 2, 2), times 64.
DEPTHWISE = [
    [40, -71, -64, 29],
    [-68, -64, -86, -65],
    [-91, 28, -91, -91],
    [60, -12, -41, 57],
    [32, 58, 136, 43],
    [-17, -12, 88, -26],
    [-84, 19, -182, -79],
    [58, -30, -39, 60],
]
# torch.nn.Conv2d(8, 8, 3, groups=2): four inputs give four outputs, twice.
GROUPED = [
    [-109, -220, 8, -120],
    [-61, 19, -115, -52],
    [-13, 20, 255, -18],
    [1, -183, -89, -1],
    [174, 62, 168, 56],
    [-32, -72, -39, -79],
    [-289, 321, -8, 24],
    [219, -374, 23, 8],
]
CONVOLUTIONS = {  # layer, input channels, PyTorch's kernel shape, its outputs
    "depthwise": (
        lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="conv"),
        4,
        (8, 1, 3, 3),
        DEPTHWISE,
    ),
    "grouped": (lambda: keras.layers.Conv2D(8, 3, groups=2, name="conv"), 8, (8, 4, 3, 3), GROUPED),
}


def eighths(shape, step):
    """Numbers from -1 to 1 by rule, in steps of 1/8; the reference used the same."""
    return (((np.arange(np.prod(shape)) * step) % 17 - 8).reshape(shape) / 8).astype("float32")


def network(layer, channels, side=4):
    pixels = keras.Input((side, side, channels))
    return keras.Model(pixels, layer(pixels))


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_convolution_in_groups_gives_pytorchs_numbers(kind):
    layer, channels, shape, wanted = CONVOLUTIONS[kind]
    model = network(layer(), channels)
    state = {"conv.weight": eighths(shape, 5), "conv.bias": eighths((8,), 3)}
    load_state_dict(model, state)
    images = eighths((1, channels, 4, 4), 7).transpose(0, 2, 3, 1)
    got = np.asarray(model(images)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(got * 64, np.reshape(wanted, (1, 8, 2, 2)))


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_misfit_is_reported_in_pytorchs_shapes(kind):
    layer, channels, shape, _ = CONVOLUTIONS[kind]
    model = network(layer(), channels)
    conv = model.get_layer("conv")
    assert torch_shape(conv, conv.kernel.shape) == shape
    for wrong in ((*shape[:2], 5, 5), (shape[0] // 2, shape[1] * 2, 3, 3)):  # also the other size
        state = {"conv.weight": np.zeros(wrong, "f4"), "conv.bias": np.zeros(8, "f4")}
        with pytest.raises(UserError) as refused:
            load_state_dict(model, state)
        assert f"conv.weight is {wrong}, wanted {shape}" in str(refused.value)


@pytest.mark.parametrize(
    ("layer", "channels", "count"),
    [
        # 6×6 outputs of 8 channels, each of 3×3 of one input, of four and of eight; twice.
        (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), 4, 2 * 36 * 8 * 9),
        (keras.layers.Conv2D(8, 3, groups=2), 8, 2 * 36 * 8 * 9 * 4),
        (keras.layers.Conv2D(8, 3), 8, 2 * 36 * 8 * 9 * 8),
        # 4×4 outputs of 6 channels.
        (keras.layers.DepthwiseConv2D(3, strides=2, padding="same"), 6, 2 * 16 * 6 * 9),
    ],
)
def test_flops_count_what_a_group_sees(layer, channels, count):
    network(layer, channels, side=8)
    assert flops(layer) == count
