"""Callbacks of a run: stopping on signals and NaN, saving checkpoints."""

import math
import signal
import sys
import threading
import time

import keras
from keras import ops

from tfseg.errors import Terminated, UserError
from tfseg.training.optimizers import averages


def steps_done(model):
    """Optimizer steps so far. `int` alone fails on a variable mirrored on several GPUs."""
    return int(ops.convert_to_numpy(model.optimizer.iterations))


def check_callbacks(given):
    """Raises `UserError` if one is not a Keras callback."""
    wanted = "wanted a list of keras.callbacks.Callback"
    if not isinstance(given, list | tuple):
        raise UserError(f"callbacks is {given!r:.80}; {wanted}")
    for one in given:
        if not isinstance(one, keras.callbacks.Callback):
            raise UserError(f"callbacks has {one!r:.80}; {wanted}")


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Raised between two steps after Ctrl-C or SIGTERM, when weights and step count agree."""


class StopBetweenSteps(keras.callbacks.Callback):
    """Turns the first Ctrl-C or SIGTERM into `Interrupted` after the current step.

    It acts after training and validation steps alike, so stopping takes one step and one
    checkpoint.

    Processes that train together all stop after the same step.

    Attributes:
        asked: the exception to raise in the end, `KeyboardInterrupt` or `Terminated`; None until
            a signal arrives.
    """

    def __init__(self, team):
        super().__init__()
        self.team, self.asked = team, None

    def __enter__(self):
        kinds = (signal.SIGINT, signal.SIGTERM)
        here = threading.current_thread() is threading.main_thread()  # only it gets signals
        self.previous = {kind: signal.signal(kind, self._ask) for kind in kinds if here}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if self.asked:
            raise kind
        self.asked = kind
        print("\nstopping after this step; a second signal stops at once", file=sys.stderr)

    def on_train_batch_end(self, batch, logs=None):
        # An epoch's last step is followed by validation, which stops before its first step.
        if batch + 1 < self.params["steps"]:
            self._stop()

    def on_test_batch_begin(self, batch, logs=None):
        self._stop()

    def on_epoch_end(self, epoch, logs=None):
        self._stop()

    def _stop(self):
        if self.team.any(self.asked is not None):
            self.asked = self.asked or Terminated
            raise Interrupted


class StopOnNaN(keras.callbacks.Callback):
    """Ends a run whose loss is NaN or infinite, before it overwrites a checkpoint."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs)

    def on_test_end(self, logs=None):  # only validation shows an epoch's last update
        self._check(logs)

    def _check(self, logs):
        if math.isfinite(float(logs["loss"])):
            return
        last = self.run.last()
        kept = f"the last good checkpoint is {last['weights']}" if last else "no checkpoint yet"
        raise UserError(
            f"the loss became {float(logs['loss'])} at step {steps_done(self.model)} "
            f"of {self.run.path} ({kept}); lower --learning_rate_init or set --clip_norm=1"
        )


class KeepBest(keras.callbacks.Callback):
    """Saves the state of every epoch, and separately the weights with the best validation mIoU.

    With averaging (`--ema`), validation uses the averaged weights, and those are kept as the best.

    Args:
        run: the `RunFolder`.
        network: the model without its optimizer.
        config: the `TrainConfig`.
        state: the state of the run, from `RunFolder.last`.
        steps: steps of an epoch.
    """

    def __init__(self, run, network, config, state, steps):
        super().__init__()
        self.run, self.network, self.config, self.steps = run, network, config, steps
        self.step, self.best_miou = state["step"], state["best_miou"]
        self.validated, self.best_epoch = state["validated"], state["best_epoch"]
        self.began, self.saved, self.kept = time.monotonic(), -math.inf, []

    def on_train_batch_end(self, batch, logs=None):
        # Counted here because under mixed_float16 the optimizer skips steps that overflow.
        self.step += 1
        self.validated = self.step % self.steps != 0
        every = self.config.save_every
        if every and time.monotonic() - max(self.began, self.saved) > 60 * every:
            self.save()

    def on_test_begin(self, logs=None):
        pairs = averages(self.model)
        self.kept = [(weight, ops.convert_to_numpy(weight)) for weight, _ in pairs]
        for weight, average in pairs:
            weight.assign(average)

    def on_test_end(self, logs=None):
        miou = float(logs["miou"])
        # Keep the first epoch whatever it reached, so that a best one always exists.
        if miou > self.best_miou or not self.run.best.exists():
            self.best_miou, self.best_epoch = miou, self.epoch
            self.run.save_best(self.network)
        self.validated = True
        self._put_back()

    @property
    def epoch(self):
        """Completed epochs."""
        return self.step // self.steps

    @property
    def exhausted(self):
        """Whether the last `--patience` epochs brought no improvement."""
        patience = self.config.patience
        return patience is not None and self.validated and self.epoch - self.best_epoch >= patience

    def _put_back(self):
        """Restores the network's own weights if the averages have replaced them."""
        for weight, kept in self.kept:
            weight.assign(kept)
        self.kept = []

    def on_epoch_end(self, epoch, logs=None):
        """Saves the state, at most every 20 s so that short epochs do not spend their time here."""
        if self.config.keep != 1 or time.monotonic() - self.saved > 20:
            self.save()
        self.model.stop_training |= self.exhausted

    def on_train_end(self, logs=None):
        self.save()

    def save(self):
        """Saves the current state, even in the middle of an epoch or of its validation."""
        self._put_back()
        state = {
            "step": self.step,
            "best_miou": self.best_miou,
            "best_epoch": self.best_epoch,
            "validated": self.validated,
        }
        self.run.save_last(self.model, state, self.config.keep)
        self.saved = time.monotonic()
