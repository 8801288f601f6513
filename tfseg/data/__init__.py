"""From records to batches: random changes of a frame, and the tf.data pipelines."""
