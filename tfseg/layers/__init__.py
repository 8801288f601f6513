"""Layers and blocks that the networks share, written only with `keras` and `keras.ops`.

A layer with a TensorFlow fast path has one check that selects it.
"""
