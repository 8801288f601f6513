"""Data sets on disk: TFDS directories and LMDB folders, written whole, read by index."""
