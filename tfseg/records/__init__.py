"""Data sets on disk: TFDS directories and LMDB folders, written atomically and read by index.

`datasets` defines what the labels mean; nothing here knows batches or networks. `frames` and
its imports do not need TensorFlow, so worker processes of a conversion start quickly.
"""
