"""Optimizers: their table, layer-wise learning rates, averaged weights."""

import keras
import tensorflow as tf

from tfseg.schedules import Schedule


class FusedAdamW(keras.optimizers.AdamW):
    """AdamW with TensorFlow's fused kernel: the arithmetic of Keras in a third of the time."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _rmsprop(config, **shared):
    return keras.optimizers.RMSprop(rho=0.99, epsilon=1e-8, **shared)  # rho is PyTorch's alpha


def _adam(config, **shared):
    return keras.optimizers.Adam(epsilon=1e-8, **shared)


def _adamw(config, **shared):
    return FusedAdamW(epsilon=1e-8, weight_decay=config.weight_decay, **shared)


def _sgd(config, **shared):
    return keras.optimizers.SGD(momentum=config.momentum, **shared)


# name -> function of a `TrainConfig` and the arguments that all optimizers share
OPTIMIZERS = {"rmsprop": _rmsprop, "adam": _adam, "adamw": _adamw, "sgd": _sgd}


def make_optimizer(config, steps, factors=()):
    """Builds the optimizer of a `TrainConfig` whose epochs have `steps` steps.

    `factors` are the learning-rate factors of the trainable variables; without them all are 1.
    """
    optimizer = _optimizer(config, steps)
    if any(factor != 1 for factor in factors):
        _scale_rates(optimizer, factors)
    # `fit` would end by replacing the weights with their averages, but the run may continue.
    optimizer.finalize_variable_values = lambda variables: None
    # `Trainer` has summed the gradients of all replicas already; Keras would clip before it sums.
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs
    return optimizer


def average_statistics(model):
    """Makes weight averaging include the moving statistics of batch normalisation.

    The statistics of the raw weights do not fit averaged weights.
    """
    optimizer = inner_optimizer(model)
    if not optimizer.use_ema:
        return
    averaged = [*model.trainable_variables, *statistics(model)]
    added = optimizer.add_optimizer_variables(averaged[len(model.trainable_variables) :], "average")
    optimizer._model_variables_moving_average += added
    update = optimizer._update_model_variables_moving_average
    optimizer._update_model_variables_moving_average = lambda variables: update(averaged)


def averages(model):
    """Pairs (variable, average); empty without averaging."""
    optimizer = inner_optimizer(model)
    if not optimizer.use_ema:
        return []
    averaged = [*model.trainable_variables, *statistics(model)]
    return list(zip(averaged, optimizer._model_variables_moving_average, strict=True))


def inner_optimizer(model):
    """The optimizer inside the loss-scaling wrapper that mixed_float16 adds."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def statistics(model):
    """The moving statistics of batch normalisation."""
    names = ("moving_mean", "moving_variance")
    return [variable for variable in model.non_trainable_variables if variable.name in names]


def _scale_rates(optimizer, factors):
    """Scales learning rate and weight decay by variable, because Keras has no parameter groups."""
    update_step, apply_decay = optimizer.update_step, optimizer._apply_weight_decay

    def scaled_step(gradient, variable, learning_rate):
        update_step(
            gradient, variable, learning_rate * factors[optimizer._get_variable_index(variable)]
        )

    def scaled_decay(variables):
        usual = optimizer.weight_decay
        if not usual:
            return
        for variable, factor in zip(variables, factors, strict=True):
            optimizer.weight_decay = usual * factor
            if factor:
                apply_decay([variable])
        optimizer.weight_decay = usual

    optimizer.update_step, optimizer._apply_weight_decay = scaled_step, scaled_decay


def _optimizer(config, steps):
    rate = Schedule(
        config.schedule,
        config.learning_rate_init,
        steps * config.epochs,
        warmup_steps=round(steps * config.warmup_epochs),
        step_size=steps * config.step_epochs,
        decay=config.step_decay,
    )
    shared = {
        "learning_rate": rate,
        "global_clipnorm": config.clip_norm,
        "use_ema": config.ema is not None,
        "ema_momentum": 0.99 if config.ema is None else config.ema,
    }
    return OPTIMIZERS[config.optimizer](config, **shared)
