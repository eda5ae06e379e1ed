import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.pruning import schedules


def due(schedule, steps):
  return [t for t in range(steps) if schedule.due(jnp.int32(t))]


def test_cubic_is_zhu_and_guptas():
  # s_f + (s_i - s_f) (1 - (t - t0) / (n dt))^3.
  schedule = schedules.Cubic(begin=10, end=50, every=10, initial=0.2)
  times = np.array([10, 20, 30, 40, 50])
  expected = 0.8 + (0.2 - 0.8) * (1 - (times - 10) / 40) ** 3
  found = [float(schedule.sparsity(t, 0.8)) for t in times]
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  assert found[0] == pytest.approx(0.2)
  assert schedule.sparsity(9, 0.8) == 0
  assert due(schedule, 99) == [10, 20, 30, 40, 50]
  assert due(schedules.Cubic(2, 9, 3), 20) == [2, 5, 8, 9]


def test_iterative_prunes_the_same_share_of_what_is_left():
  schedule = schedules.Iterative(begin=4, every=3, rounds=3)
  assert due(schedule, 30) == [4, 7, 10]
  left = [1 - float(schedule.sparsity(t, 0.488)) for t in (3, 4, 7, 10)]
  np.testing.assert_allclose(left, [1, 0.8, 0.64, 0.512], rtol=1e-6)


def test_one_shot():
  assert due(schedules.OneShot(3), 9) == [3]
  assert due(schedules.OneShot(), 9) == [0]


@pytest.mark.parametrize(
  'schedule',
  [
    schedules.OneShot(5),
    schedules.Iterative(1, 7, 13),
    schedules.Cubic(3, 101, 9),
  ],
)
def test_sparsity_never_falls_and_ends_at_exactly_the_target(schedule):
  times = jnp.arange(120)
  found = jax.jit(jax.vmap(lambda t: schedule.sparsity(t, 0.9)))(times)
  assert (jnp.diff(found) >= 0).all()
  assert found[-1] == jnp.float32(0.9)
  # It changes where masks are renewed, and only there.
  changes = [t for t in range(1, 120) if found[t] != found[t - 1]]
  last = [t for t in range(120) if schedule.due(jnp.int32(t))][-1]
  assert found[last] == found[-1]
  if not isinstance(schedule, schedules.Cubic):
    assert changes == due(schedule, 120)


@pytest.mark.parametrize(
  ('make', 'words'),
  [
    (lambda: schedules.OneShot(-1), 'at is a number .* from 0; got -1'),
    (lambda: schedules.Iterative(0, 0, 1), 'every is .* from 1; got 0'),
    (lambda: schedules.Iterative(0, 1, 0.5), 'rounds is .* got 0.5'),
    (lambda: schedules.Cubic(10, 10), 'end is a number .* from 11; got 10'),
    (lambda: schedules.Cubic(0, 10, initial=1), 'initial is a sparsity'),
  ],
)
def test_bad_numbers(make, words):
  with pytest.raises(errors.UserError, match=words):
    make()
