"""Data sets on disk: TFDS directories and LMDB folders, written whole, read by index.

What the labels mean comes from `datasets`; nothing here knows batches or networks. `frames` and
what it imports do without TensorFlow, so that a conversion's processes start at once.
"""
