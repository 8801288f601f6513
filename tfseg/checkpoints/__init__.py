"""Reads checkpoint files into named arrays and executes nothing: Keras (`.weights.h5`, `.keras`),
PyTorch of any version, `.safetensors`. Writes our own checkpoints with a checksum.

Files are not trusted: sizes that they claim are checked against the file, and functions that they
name are not called. To add a kind, add a reader here, a row in `reading.READERS` and its signature
in `kinds`.

Apart from `errors`, it imports no other part of tfseg.
"""

from tfseg.checkpoints.keras_files import save_weights
from tfseg.checkpoints.reading import Checkpoint, read_checkpoint, read_state_dict

__all__ = ["Checkpoint", "read_checkpoint", "read_state_dict", "save_weights"]
