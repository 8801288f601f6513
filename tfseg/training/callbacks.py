"""What happens between the steps of a run: interrupts, NaN, the checkpoints."""

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
    """Steps of the optimizer so far; `int` alone does not take a variable that GPUs mirror."""
    return int(ops.convert_to_numpy(model.optimizer.iterations))


def check_callbacks(given):
    """Raises `UserError` where one is no callback of Keras'."""
    wanted = "wanted a list of keras.callbacks.Callback"
    if not isinstance(given, list | tuple):
        raise UserError(f"callbacks is {given!r:.80}; {wanted}")
    for one in given:
        if not isinstance(one, keras.callbacks.Callback):
            raise UserError(f"callbacks has {one!r:.80}; {wanted}")


class Interrupted(Exception):  # noqa: N818 - no error: someone asked
    """Raised between two steps after Ctrl-C or SIGTERM, when weights and step count agree."""


class StopBetweenSteps(keras.callbacks.Callback):
    """Turns the first Ctrl-C or SIGTERM into `Interrupted` after the step at hand.

    That may be a step of training or of validation, so that stopping takes no longer than a step
    and a checkpoint.

    Of several processes that train together all stop after the same step.

    Attributes:
        asked: how `KeyboardInterrupt` shall go on from here; None before somebody asks.
    """

    def __init__(self, team):
        super().__init__()
        self.team, self.asked = team, None

    def __enter__(self):
        kinds = (signal.SIGINT, signal.SIGTERM)
        here = threading.current_thread() is threading.main_thread()  # others get no signals
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
        # After an epoch's last step comes its validation, which stops before its first.
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
    """Ends a run whose loss is no number any more, before a checkpoint is written over."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs)

    def on_test_end(self, logs=None):  # an epoch's last update shows only in its validation
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
    """Saves every epoch's state, and the weights with the best validation mIoU on their own.

    With averaging (`--ema`) the averages stand in for the weights while the network is validated,
    and are what is kept as the best.

    Args:
        run: the `RunFolder`.
        network: the model without its optimizer.
        config: its `keep` and `save_every`.
        state: where the run stands, as `RunFolder.last` gives it.
        steps: of an epoch.
    """

    def __init__(self, run, network, config, state, steps):
        super().__init__()
        self.run, self.network, self.config, self.steps = run, network, config, steps
        self.step, self.best_miou = state["step"], state["best_miou"]
        self.validated, self.best_epoch = state["validated"], state["best_epoch"]
        self.began, self.saved, self.kept = time.monotonic(), -math.inf, []

    def on_train_batch_end(self, batch, logs=None):
        # Counted here: under mixed_float16 the optimizer leaves out steps that overflow.
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
        # The first epoch is kept whatever it reached, so that a best one is always there.
        if miou > self.best_miou or not self.run.best.exists():
            self.best_miou, self.best_epoch = miou, self.epoch
            self.run.save_best(self.network)
        self.validated = True
        self._put_back()

    @property
    def epoch(self):
        """Whole epochs so far."""
        return self.step // self.steps

    @property
    def exhausted(self):
        """Whether as many epochs as `--patience` have brought nothing better."""
        patience = self.config.patience
        return patience is not None and self.validated and self.epoch - self.best_epoch >= patience

    def _put_back(self):
        """Gives the network its own weights again, where the averages stand in for them."""
        for weight, kept in self.kept:
            weight.assign(kept)
        self.kept = []

    def on_epoch_end(self, epoch, logs=None):
        """Saves where the run stands, at most every 20 s: epochs of a second have better to do."""
        if self.config.keep != 1 or time.monotonic() - self.saved > 20:
            self.save()
        self.model.stop_training |= self.exhausted

    def on_train_end(self, logs=None):
        self.save()

    def save(self):
        """Saves the run as it stands, in the middle of an epoch or of its validation too."""
        self._put_back()
        state = {
            "step": self.step,
            "best_miou": self.best_miou,
            "best_epoch": self.best_epoch,
            "validated": self.validated,
        }
        self.run.save_last(self.model, state, self.config.keep)
        self.saved = time.monotonic()
