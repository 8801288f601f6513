"""Layers and blocks that the networks share, in `keras` and `keras.ops` alone.

A faster way that TensorFlow has stands behind one check in the layer that uses it.
"""
