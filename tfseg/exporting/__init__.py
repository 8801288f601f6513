"""Trained networks as files of other runtimes: one file per format, with its writer and reader.

Nothing here trains or scores; the graph that every format carries is in `graph`.
"""
