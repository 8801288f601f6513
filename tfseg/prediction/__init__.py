"""Runs a trained network on images and videos.

Engine, tiles and CRF work on arrays; `predict` and `video` on files. `evaluation` compares masks
with labels.
"""
