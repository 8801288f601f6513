"""Max-pooling with indices, unpooling, average pooling into bins, and pixel shuffle."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class MaxPoolWithIndices(keras.layers.Layer):
    """2×2 max-pooling with stride 2 -> (maxima, indices), both (N, H', W', C).

    An index is the position of the maximum in its window, 0 to 3 in scan order, the first one among
    equals. Caffe and PyTorch store a position in the plane instead. `MaxUnpool` takes the indices.
    With `ceil`, a last odd row or column is a window (Caffe); otherwise it is dropped (PyTorch).
    The layer uses plain comparisons and selections, which every runtime has.
    """

    def __init__(self, ceil=False, **kwargs):
        super().__init__(**kwargs)
        self.ceil = ceil

    def call(self, x):
        x = self._even(x)
        _, height, width, channels = ops.shape(x)
        rows = ops.reshape(x, (-1, 2, width // 2, 2 * channels))  # (N H/2, row, W/2, columns)
        top, bottom = ops.unstack(rows, axis=1)
        a, b = ops.split(top, 2, axis=-1)
        c, d = ops.split(bottom, 2, axis=-1)
        upper, lower = ops.where(b > a, b, a), ops.where(d > c, d, c)
        maxima = ops.where(lower > upper, lower, upper)
        right = ops.cast(ops.where(lower > upper, d > c, b > a), "int32")
        indices = right + 2 * ops.cast(lower > upper, "int32")
        shape = (-1, height // 2, width // 2, channels)
        return ops.reshape(maxima, shape), ops.reshape(indices, shape)

    def _even(self, x):
        batch, height, width, channels = ops.shape(x)
        if isinstance(height, int) and isinstance(width, int) and not (height % 2 or width % 2):
            return x
        if self.ceil:
            x = ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-float("inf"))
            height, width = height + 1, width + 1
        size = (batch, height // 2 * 2, width // 2 * 2, channels)
        return ops.slice(x, (0, 0, 0, 0), size)

    def compute_output_spec(self, x):
        def half(side):
            return side and (side + 1 if self.ceil else side) // 2

        shape = (x.shape[0], half(x.shape[1]), half(x.shape[2]), x.shape[3])
        return keras.KerasTensor(shape, x.dtype), keras.KerasTensor(shape, "int32")

    def get_config(self):
        return {**super().get_config(), "ceil": self.ceil}


@keras.saving.register_keras_serializable("tfseg")
class MaxUnpool(keras.layers.Layer):
    """Puts each value at its index from `MaxPoolWithIndices`, zeros elsewhere: (N, 2H, 2W, C).

    `FitLike` cuts the result to the size before pooling.
    """

    def call(self, x, indices):
        _, height, width, channels = ops.shape(x)
        corners = [ops.where(indices == corner, x, 0) for corner in range(4)]
        rows = [ops.concatenate(corners[i : i + 2], axis=-1) for i in (0, 2)]
        rows = [ops.reshape(row, (-1, width, 2 * channels)) for row in rows]
        return ops.reshape(ops.stack(rows, axis=1), (-1, 2 * height, 2 * width, channels))

    def compute_output_spec(self, x, indices):
        height, width = (side and 2 * side for side in x.shape[1:3])
        return keras.KerasTensor((x.shape[0], height, width, x.shape[3]), x.dtype)


@keras.saving.register_keras_serializable("tfseg")
class HalvingMaxPool(keras.layers.Layer):
    """2×2 max-pooling with stride 2 that drops a last odd row or column, unless it is the only one.

    As in PyTorch, except that a side of one pixel stays.
    """

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        x = ops.max_pool(x, 2, 2, "same")
        size = (batch, self._half(height), self._half(width), channels)
        return ops.slice(x, (0, 0, 0, 0), size)

    def _half(self, side):
        return max(side // 2, 1) if isinstance(side, int) else ops.maximum(side // 2, 1)

    def compute_output_spec(self, x):
        height, width = (side and self._half(side) for side in x.shape[1:3])
        return keras.KerasTensor((x.shape[0], height, width, x.shape[3]), x.dtype)


@keras.saving.register_keras_serializable("tfseg")
class BinAverage(keras.layers.Layer):
    """Averages a map in each of bins × bins cells, as PyTorch's `AdaptiveAvgPool2d`.

    Cell i of a side covers floor(i·H / bins) to ceil((i + 1)·H / bins). Cells may overlap, and the
    map may have any size.
    """

    def __init__(self, bins, **kwargs):
        super().__init__(**kwargs)
        self.bins = bins

    def call(self, x):
        _, height, width, _ = ops.shape(x)
        x = ops.einsum("ih,nhwc->niwc", self._weights(height, x.dtype), x)
        return ops.einsum("jw,niwc->nijc", self._weights(width, x.dtype), x)

    def _weights(self, side, dtype):
        """The share of each of `side` rows in each bin, (bins, side)."""
        first = ops.arange(self.bins) * side // self.bins
        # Rounds up without negative numbers, which ONNX would round the other way.
        last = ((ops.arange(self.bins) + 1) * side + self.bins - 1) // self.bins
        row = ops.arange(side)[None]
        inside = ops.cast((row >= first[:, None]) & (row < last[:, None]), "float32")
        return ops.cast(inside / ops.sum(inside, axis=1, keepdims=True), dtype)

    def compute_output_spec(self, x):
        return keras.KerasTensor((x.shape[0], self.bins, self.bins, x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}


@keras.saving.register_keras_serializable("tfseg")
class PixelShuffle(keras.layers.Layer):
    """Channels to space in PyTorch's order: channel c·r² + i·r + j -> class c, row i, column j."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        r = self.factor
        _, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (-1, height, width, channels // r**2, r, r))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
        return ops.reshape(x, (-1, height * r, width * r, channels // r**2))

    def compute_output_spec(self, x):
        height, width = (side and self.factor * side for side in x.shape[1:3])
        shape = (x.shape[0], height, width, x.shape[3] // self.factor**2)
        return keras.KerasTensor(shape, x.dtype)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
