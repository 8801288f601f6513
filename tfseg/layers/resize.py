"""Layers that change a tensor's height and width, mostly to those of another tensor."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfseg")
class FitLike(keras.layers.Layer):
    """Cuts `x` to the height and width of `like`, starting at row and column `offset`.

    A transposed convolution returns 2H + 1 rows. PyTorch selects rows by padding (`offset`) and
    output padding (taken from `like`, so that odd sizes are restored exactly). `short` is the
    number of rows and columns that `x` may lack compared with `like`; those become zero.
    """

    def __init__(self, offset=0, short=0, **kwargs):
        super().__init__(**kwargs)
        self.offset, self.short = offset, short

    def call(self, x, like):
        if not self.offset and None not in x.shape[1:3] and x.shape[1:3] == like.shape[1:3]:
            return x
        if self.short:
            x = ops.pad(x, ((0, 0), (0, self.short), (0, self.short), (0, 0)))
        batch, _, _, channels = ops.shape(x)
        size = ops.shape(like)[1:3]
        # ops.slice is several times faster than x[...] on a CPU, because its gradient is a pad.
        return ops.slice(x, (0, self.offset, self.offset, 0), (batch, *size, channels))

    def compute_output_spec(self, x, like):
        return keras.KerasTensor((x.shape[0], *like.shape[1:3], x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "offset": self.offset, "short": self.short}


@keras.saving.register_keras_serializable("tfseg")
class ResizeLike(keras.layers.Layer):
    """Resizes `x` to the height and width of `like`, as PyTorch's `interpolate` does.

    `mode` is "bilinear" (align_corners=False), "aligned" (bilinear with align_corners=True, as in
    every network from before PyTorch 0.4) or "nearest".
    """

    def __init__(self, mode="bilinear", **kwargs):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, x, like):
        if None not in x.shape[1:3] and x.shape[1:3] == like.shape[1:3]:
            return x
        return _resized(x, ops.shape(like)[1:3], self.mode)

    def compute_output_spec(self, x, like):
        return keras.KerasTensor((x.shape[0], *like.shape[1:3], x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


@keras.saving.register_keras_serializable("tfseg")
class Upsample(keras.layers.Layer):
    """Upsamples by a whole factor; `mode` is as in `ResizeLike`.

    Keras' layer needs a static size.
    """

    def __init__(self, factor, mode="bilinear", **kwargs):
        super().__init__(**kwargs)
        self.factor, self.mode = factor, mode

    def call(self, x):
        _, height, width, _ = ops.shape(x)
        return _resized(x, (self.factor * height, self.factor * width), self.mode)

    def compute_output_spec(self, x):
        height, width = (side and self.factor * side for side in x.shape[1:3])
        return keras.KerasTensor((x.shape[0], height, width, x.shape[3]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "mode": self.mode}


def _resized(x, size, mode):
    resize = _resize_tensorflow if keras.backend.backend() == "tensorflow" else _resize
    return ops.cast(resize(x, size, mode), x.dtype)


def _resize_tensorflow(x, size, mode):
    import tensorflow as tf  # only on its backend

    size = tf.stack(size)
    if mode == "nearest":
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=size)
    aligned = mode == "aligned"
    return tf.raw_ops.ResizeBilinear(
        images=x, size=size, align_corners=aligned, half_pixel_centers=not aligned
    )


def _resize(x, size, mode):
    """As `_resize_tensorflow`, by multiplying with one matrix of weights for each side."""
    rows, columns = (_weights(old, new, mode) for old, new in zip(x.shape[1:3], size, strict=True))
    x = ops.einsum("ih,nhwc->niwc", ops.cast(rows, x.dtype), x)
    return ops.einsum("jw,niwc->nijc", ops.cast(columns, x.dtype), x)


def _weights(old, new, mode):
    """The weight of each of `old` pixels in each of `new`, float32 (new, old)."""
    target, source = ops.arange(new, dtype="float32"), ops.arange(old, dtype="float32")
    if mode == "nearest":
        where = ops.floor(target * old / new)
    elif mode == "aligned":
        where = target * ((old - 1) / max(new - 1, 1))
    else:
        where = ops.clip((target + 0.5) * (old / new) - 0.5, 0, old - 1)
    return ops.maximum(1 - ops.abs(where[:, None] - source[None]), 0)
