"""Runs a trained network on images and videos.

Engine, tiles and CRF know no files; `predict` and `video` do. No labels are read here: that is
`evaluation`'s.
"""
