"""Layers and blocks that the networks share, written only with `keras` and `keras.ops`.

TensorFlow fast paths stand behind one check in the layer that uses them.
"""
