"""Exports trained networks for other runtimes: one module per format, with its writer and reader.

`graph` has the graph that all formats share. Nothing here trains or scores.
"""
