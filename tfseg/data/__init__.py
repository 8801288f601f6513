"""Records -> batches of uint8 images and labels: augmentation and the tf.data pipelines.

Nothing here knows a network.
"""
