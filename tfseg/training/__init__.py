"""One training run: devices, checkpoints, callbacks, fit."""
