"""One training run: what is compiled, crops that fit, callbacks, optimizers, fit.

It may use every room that data has passed before: data, records, networks, prediction and
evaluation for the last figures. Nothing but the commands uses it.
"""
