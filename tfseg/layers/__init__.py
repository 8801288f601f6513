"""Layers and blocks that the networks share, in `keras` and `keras.ops` alone."""
