"""One training run: loss and optimizer, crop sizes, callbacks, trackers, fit.

It may import everything upstream: data, records, networks, and prediction and evaluation for the
final figures. Only the commands import it.
"""
