"""Depthwise convolution that also learns fast in bfloat16 where TensorFlow runs."""

import keras


@keras.saving.register_keras_serializable("tfseg")
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' layer, whose gradients in bfloat16 are computed in float32.

    TensorFlow's bfloat16 kernels for them are slow on a CPU: for 8×144×192×96 under 3×3 with
    stride 2 the input's takes 261 ms in place of 21, for 8×36×48×240 under 5×5 the kernel's takes
    137 in place of 39.
    """

    def call(self, inputs):
        plain = self.dilation_rate in (1, (1, 1)) and self.data_format == "channels_last"
        if keras.backend.backend() != "tensorflow" or self.compute_dtype != "bfloat16" or not plain:
            return super().call(inputs)
        import tensorflow as tf  # only where it is the backend

        outputs = _convolve(
            inputs, tf.convert_to_tensor(self.kernel), self.strides, self.padding.upper()
        )
        if self.use_bias:
            outputs = outputs + self.bias
        return outputs if self.activation is None else self.activation(outputs)


def _convolve(x, kernel, strides, padding):
    import tensorflow as tf

    options = {"strides": (1, *strides, 1), "padding": padding}

    @tf.custom_gradient
    def with_gradients(x, kernel):
        def backward(dy):
            wide, taps, dy = (tf.cast(tensor, tf.float32) for tensor in (x, kernel, dy))
            dx = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=taps, out_backprop=dy, **options
            )
            dk = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=wide, filter_sizes=tf.shape(kernel), out_backprop=dy, **options
            )
            return tf.cast(dx, x.dtype), tf.cast(dk, kernel.dtype)

        return tf.nn.depthwise_conv2d(x, kernel, **options), backward

    return with_gradients(x, kernel)
