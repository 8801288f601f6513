"""Learning rates at exact steps."""

import keras
import numpy as np
import pytest

from tfseg.errors import UserError
from tfseg.schedules import SCHEDULES, Schedule


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_constant():
    np.testing.assert_allclose(rates(Schedule("constant", 0.5, 10), [0, 9, 99]), 0.5)


def test_step_drops_every_step_size():
    schedule = Schedule("step", 1.0, 100, step_size=10, decay=0.5)
    np.testing.assert_allclose(
        rates(schedule, [0, 9, 10, 19, 20, 35]), [1, 1, 0.5, 0.5, 0.25, 0.125]
    )


def test_poly():
    schedule = Schedule("poly", 2.0, 10)
    np.testing.assert_allclose(
        rates(schedule, [0, 1, 5, 9, 10, 11]),
        [2, 2 * 0.9**0.9, 2 * 0.5**0.9, 2 * 0.1**0.9, 0, 0],
        rtol=1e-5,
    )


def test_cosine():
    schedule = Schedule("cosine", 2.0, 12)
    np.testing.assert_allclose(
        rates(schedule, [0, 4, 6, 8, 12, 13]), [2, 1.5, 1, 0.5, 0, 0], atol=1e-6
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_rises_in_a_line_then_the_schedule_starts(name):
    options = {"step_size": 3, "decay": 0.1}
    warm = Schedule(name, 4.0, 14, warmup_steps=4, **options)
    cold = Schedule(name, 4.0, 10, **options)
    np.testing.assert_allclose(rates(warm, range(4)), [1, 2, 3, 4])
    np.testing.assert_allclose(rates(warm, range(4, 15)), rates(cold, range(11)), rtol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_survives_serialisation(name):
    schedule = Schedule(name, 0.1, 50, warmup_steps=5, step_size=7, decay=0.3)
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    np.testing.assert_array_equal(rates(copy, range(0, 51, 5)), rates(schedule, range(0, 51, 5)))


def test_an_optimizer_follows_it():
    optimizer = keras.optimizers.SGD(Schedule("poly", 1.0, 2))
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    for expected in (-1, -1 - 0.5**0.9, -1 - 0.5**0.9):  # the last step has rate 0
        optimizer.apply([np.float32(1)])
        assert float(weight) == pytest.approx(expected, rel=1e-6)


def test_an_unknown_name_is_one_line():
    with pytest.raises(UserError, match="unknown schedule 'cosin'; did you mean cosine"):
        Schedule("cosin", 0.1, 10)
