"""The HTTP server: TensorFlow Serving's API, images to masks, a page.

It serves exports from disk; nothing here knows networks, records or runs.
"""
