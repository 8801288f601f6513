"""A learned scale for each channel."""

import keras


@keras.saving.register_keras_serializable("tfseg")
class Scale(keras.layers.Layer):
    """Multiplies each channel by a learned number, initially `start` (ConvNeXt's LayerScale)."""

    def __init__(self, start=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.gamma = self.add_weight(
            name="gamma", shape=(shape[-1],), initializer=keras.initializers.Constant(self.start)
        )

    def call(self, x):
        return x * self.gamma

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "start": self.start}
