"""Disk -> batches: random changes of a frame, and the tf.data pipelines.

Records come in, batches of uint8 images and labels go out. No network is known here.
"""
