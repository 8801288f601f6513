"""A trained network at work: how it looks at images, and the masks of images and videos.

Engine, tiles and CRF know no files; `predict` and `video` do. No labels are read here: that is
`evaluation`'s.
"""
