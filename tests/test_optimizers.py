"""The fused AdamW compared with Keras', and averages."""

import keras
import numpy as np
from helpers import tiny

from tfseg.networks import load_run
from tfseg.training.callbacks import KeepBest
from tfseg.training.fit import train
from tfseg.training.optimizers import FusedAdamW


def test_fused_adamw_is_keras_adamw():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(7, 5)), rng.normal(size=(4, 7, 5))
    ends = []
    for kind in (keras.optimizers.AdamW, FusedAdamW):
        variable = keras.Variable(start, dtype="float32")
        optimizer = kind(learning_rate=0.01, weight_decay=0.1, epsilon=1e-8)
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
        ends.append(variable.numpy())
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-6, atol=1e-6)


def test_averages_hold_the_statistics_of_batch_normalisation_too(records, tmp_path, monkeypatch):
    """The best checkpoint has averaged weights and statistics, both over all steps."""
    seen, step = [], KeepBest.on_train_batch_end

    def listen(callback, batch, logs=None):
        step(callback, batch, logs)
        layer = callback.model.get_layer("bn")
        seen.append({name: np.array(getattr(layer, name)) for name in ("gamma", "moving_mean")})

    monkeypatch.setattr(KeepBest, "on_train_batch_end", listen)
    train(tiny.config(records, tmp_path / "run", epochs=1, ema=0.5))
    best = load_run(tmp_path / "run").model.get_layer("bn")
    for name in ("gamma", "moving_mean"):
        wanted = seen[0][name]
        for values in seen[1:]:
            wanted = 0.5 * wanted + 0.5 * values[name]
        np.testing.assert_allclose(getattr(best, name), wanted, rtol=1e-5, atol=1e-5)
        assert not np.allclose(wanted, seen[-1][name])
