"""Random weights for untrained networks."""

import numpy as np


def randomize(network):
    """Randomises all weights, because initial zeros and ones would hide errors."""
    rng = np.random.default_rng(0)
    for variable in network.weights:
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.path.endswith(("beta", "bias", "moving_mean", "alpha")):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return network
