"""Tokens of a vision transformer, (N, tokens, 1, C): first those of the whole image, then those
of its patches, row by row."""

import keras
from keras import initializers, ops


@keras.saving.register_keras_serializable("tfseg")
class Tokens(keras.layers.Layer):
    """Patches (N, H, W, C) -> tokens (N, prefix + H·W, 1, C), with position embeddings added.

    The embeddings belong to `grid` × `grid` patches and are resampled to H × W as in timm: bicubic,
    with antialiasing when shrinking. The `prefix` learned tokens are the class token and, if there
    are two, the distillation token.
    """

    def __init__(self, grid, prefix=1, **kwargs):
        super().__init__(**kwargs)
        self.grid, self.prefix = grid, prefix

    def build(self, shape):
        start, channels = initializers.TruncatedNormal(stddev=0.02), shape[-1]
        self.first = self.add_weight(
            name="first", shape=(1, self.prefix, channels), initializer=start
        )
        count = self.prefix + self.grid**2
        self.places = self.add_weight(name="places", shape=(1, count, channels), initializer=start)

    def call(self, patches):
        _, height, width, channels = ops.shape(patches)
        places = ops.cast(self.places, "float32")[0]
        square = ops.reshape(places[self.prefix :], (self.grid, self.grid, channels))
        rows, columns = (cubic(self.grid, side) for side in (height, width))
        square = ops.einsum("ih,hwc->iwc", rows, square)
        square = ops.einsum("jw,iwc->ijc", columns, square)
        patches = ops.reshape(
            patches + ops.cast(square, patches.dtype), (-1, height * width, channels)
        )
        first = ops.cast(ops.cast(self.first, "float32") + places[: self.prefix], patches.dtype)
        first = first + ops.zeros_like(patches[:, :1])  # one for each image
        return ops.concatenate([first, patches], axis=1)[:, :, None]

    def compute_output_spec(self, patches):
        batch, height, width, channels = patches.shape
        count = None if None in (height, width) else self.prefix + height * width
        return keras.KerasTensor((batch, count, 1, channels), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "grid": self.grid, "prefix": self.prefix}


def cubic(old, new):
    """The weight of each of `old` points in each of `new`, float32 (new, old), for PyTorch's
    bicubic resizing with antialiasing. `new` may be a tensor.
    """
    scale = old / ops.cast(new, "float32")
    center = (ops.arange(new, dtype="float32") + 0.5) * scale - 0.5
    away = ops.abs(center[:, None] - ops.arange(old, dtype="float32")[None])
    x = away / ops.maximum(scale, 1.0)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = ops.where(x < 1, near, ops.where(x < 2, far, 0.0))
    return weights / ops.sum(weights, axis=1, keepdims=True)


@keras.saving.register_keras_serializable("tfseg")
class Readout(keras.layers.Layer):
    """Tokens (N, prefix + H·W, 1, C) -> the patches' map (N, H, W, C) with the size of `like`.

    `mode` is the use of the prefix tokens: "ignore", "add" (add their mean to every position) or
    "cat" (join the first to every position, which gives (N, H, W, 2C)).
    """

    def __init__(self, prefix=1, mode="ignore", **kwargs):
        super().__init__(**kwargs)
        self.prefix, self.mode = prefix, mode

    def call(self, tokens, like):
        _, height, width, _ = ops.shape(like)
        x = ops.reshape(tokens[:, self.prefix :], (-1, height, width, tokens.shape[-1]))
        if self.mode == "add":
            return x + ops.mean(tokens[:, : self.prefix], axis=1, keepdims=True)
        if self.mode == "cat":
            return ops.concatenate([x, tokens[:, :1] + ops.zeros_like(x)], axis=-1)
        return x

    def compute_output_spec(self, tokens, like):
        channels = tokens.shape[-1] * (2 if self.mode == "cat" else 1)
        return keras.KerasTensor((*like.shape[:3], channels), tokens.dtype)

    def get_config(self):
        return {**super().get_config(), "prefix": self.prefix, "mode": self.mode}
