"""Learning rate schedules."""

import math

import keras
from keras import ops

from tfseg.errors import unknown


def _constant(progress, step, schedule):
    return ops.ones_like(progress)


def _step(progress, step, schedule):
    return schedule.decay ** ops.floor(step / schedule.step_size)


def _poly(progress, step, schedule):
    return (1 - progress) ** 0.9  # the power of DeepLab (arXiv 1606.00915, section 4.1.1)


def _cosine(progress, step, schedule):
    return 0.5 * (1 + ops.cos(math.pi * progress))


SCHEDULES = {"constant": _constant, "step": _step, "poly": _poly, "cosine": _cosine}


@keras.saving.register_keras_serializable("tfseg")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate as a function of the step.

    Args:
        name: one of `SCHEDULES`; "poly" and "cosine" reach 0 at `steps`.
        initial: learning rate at the start, or after the warm-up.
        steps: steps of the whole run, including the warm-up.
        warmup_steps: number of steps in which the rate rises linearly to `initial`.
        step_size, decay: "step" multiplies by `decay` every `step_size` steps.
    """

    def __init__(self, name, initial, steps, warmup_steps=0, step_size=1, decay=0.1):
        if name not in SCHEDULES:
            raise unknown("schedule", name, SCHEDULES)
        self.name, self.initial, self.steps = name, initial, steps
        self.warmup_steps, self.step_size, self.decay = warmup_steps, step_size, decay

    def __call__(self, step):
        step = ops.cast(step, "float32")
        after = ops.maximum(step - self.warmup_steps, 0)
        progress = ops.minimum(after / max(self.steps - self.warmup_steps, 1), 1)
        rate = self.initial * SCHEDULES[self.name](progress, after, self)
        if not self.warmup_steps:
            return rate
        rising = self.initial * (step + 1) / self.warmup_steps
        return ops.where(step < self.warmup_steps, rising, rate)

    def get_config(self):
        return dict(vars(self))
