"""Checkpoint files -> named arrays, nothing executed: Keras' (`.weights.h5`, `.keras`), PyTorch's
of every age, `.safetensors`. Our own are written here, too, with a checksum.

A file is a stranger's: what it claims is held against its size, and what it names is not called. A
new kind is a reader here, its row in `reading.READERS`, and how to tell it in `kinds`.

Rooms it may use: none.
"""

from tfseg.checkpoints.keras_files import save_weights
from tfseg.checkpoints.reading import Checkpoint, read_checkpoint, read_state_dict

__all__ = ["Checkpoint", "read_checkpoint", "read_state_dict", "save_weights"]
