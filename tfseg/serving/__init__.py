"""HTTP: TensorFlow Serving's API, images to masks, a page.

It serves exports as they lie on disk; no network, record or run is known here.
"""
